"""The fast executor answers as graphql-core does."""
