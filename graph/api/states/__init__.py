"""States: what executions know, version by version, and checkpoints of it."""
