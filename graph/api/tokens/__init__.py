"""Tokens: who may come in."""
