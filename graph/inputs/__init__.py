"""GraphQL's input types: what clients give, turned into what `db` understands."""
