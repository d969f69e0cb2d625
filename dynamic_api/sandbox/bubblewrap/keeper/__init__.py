"""The keeper: an unprivileged process in namespaces of its own, which holds the sessions and starts each run.

A program of its own (`link.py` starts it) that needs only the standard library, and imports all of it
before it drops what rights it was started with. It is process 1 of its PID namespace: when it dies, or when
the API does that holds the other end of its socket, the kernel kills every run and forgets every session.
"""
