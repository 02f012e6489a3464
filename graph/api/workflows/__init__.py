"""Workflows: definitions, version by version."""
