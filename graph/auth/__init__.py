"""Who asks: tokens of our own, and those of an OpenID Connect provider."""
