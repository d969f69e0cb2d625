"""From a command to a running server, and its outermost layer."""
