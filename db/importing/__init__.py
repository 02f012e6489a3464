"""Readers of what other systems leave behind: execution traces and log files."""
