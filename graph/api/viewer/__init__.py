"""The viewer: who asks."""
