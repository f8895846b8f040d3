"""Training of the small profiles: data, losses, phases and the loop (DESIGN 6.3)."""
