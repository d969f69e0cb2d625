"""Alembic's scripts, and the functions that run them."""
