"""Skillpress: compiles a Git repo of skills into the static files that real clients install from."""

__version__ = "0.1.0"
BUILDER = f"skillpress {__version__}"
