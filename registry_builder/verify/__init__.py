"""Proves a bucket: against its own digest tree, its references, and the Git repository it was made from."""
