"""GraphQL's root queries, one aggregate a file."""
