"""What a client of Flowkeep looks like: an executor, and a demonstration of it."""
