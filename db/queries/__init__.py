"""Reads: named functions that take a connection and return rows; they change nothing."""
