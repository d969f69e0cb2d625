"""Real client programs against a built registry, in a namespace that has only loopback."""
