"""Strangers' code runs in here, and nowhere else (DESIGN.md D12)."""
