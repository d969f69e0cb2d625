"""`python -m registry_builder.cli` is the command."""

from registry_builder.cli import main

main()
