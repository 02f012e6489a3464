"""Live feeds over real sockets: what followers get, and what is left when they go."""
