"""Thin faces over the services: one module for each resource, and the table of all."""
