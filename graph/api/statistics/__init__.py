"""Statistics: executions, steps and errors in numbers."""
