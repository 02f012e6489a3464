"""Steps: attempts, how they are started and finished, and committed as a whole."""
