"""Runs on the operator's machine: a keeper process holds the sessions, bubblewrap isolates each run.

`keeper` (own process, unprivileged, stdlib only) ← `link` ← `slots`, `files` ← `runner` ← `sandbox`; see
docs/adr/0017-sandbox.md.
"""
