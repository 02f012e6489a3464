"""GraphQL's object types, one aggregate a file. A plain attribute is named like the column it shows."""
