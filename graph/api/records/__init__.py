"""Records: what executions log, measure and go through."""
