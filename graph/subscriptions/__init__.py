"""The roots of what can be followed, one aggregate a file."""
