"""Health: how the service and its database are."""
