"""Live feeds: what is new, read once for everybody who follows it."""
