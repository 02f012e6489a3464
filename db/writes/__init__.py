"""Writes: named functions whose guards are in the statement; each says what happened to its input."""
