"""Retention: what goes when, and holds, by which nothing goes."""
