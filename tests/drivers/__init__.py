"""Each driver against the real thing it owns."""
