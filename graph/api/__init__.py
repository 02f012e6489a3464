"""What the API has: a folder for each concept, and beside them what all concepts share."""
