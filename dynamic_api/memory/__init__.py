"""What is remembered between calls, each with what makes it stale."""
