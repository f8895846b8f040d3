"""Training of the small profiles: data, losses, phases and the loop (architecture.md 4.3)."""
