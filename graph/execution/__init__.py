"""The fast way to answer a query: level by level over whole columns, no object and no coroutine a node.

`compiling.py` makes a plan of a query and its schema, once; `columns.py`, `connections.py` and
`completion.py` are what plans are made of; `queries.py` runs one. The schema, the resolvers and the
statements are those of the ordinary way, and whatever is out of the ordinary (an error, a null where none
may be, a type that is only known at run time) is handed to graphql-core, which answers the query as if
nothing had happened.
"""
