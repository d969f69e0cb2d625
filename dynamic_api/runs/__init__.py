"""Runs of scripts in one process: turns, sessions, the sandbox, and what each costs.

`turns`, `sessions`, `unpacked` know no database ← `attempt` (one run, from its price to its end) ← `runs`
(the part of the context, with its tasks). The rows are kept by `services/run_*.py`.
"""
