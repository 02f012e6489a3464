"""Executions: what they are, how they are found, changed, claimed, recovered and followed."""
