"""The HTTP door: one endpoint, its pages and its sockets."""
