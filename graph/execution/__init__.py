"""Operations answered level by level: whole columns of values, no object and no coroutine a node.

`core.py` makes a plan of an operation, once, from the schema that graphql-core would use, and is the only
file that touches the insides of graphql-core and Strawberry. `plan.py` has what it makes, `fields.py` where
the values of a field come from and what becomes of them, `connections.py` the same for pages of lists,
`inputs.py` how variables and arguments become Python's values, `errors.py` what happens to a value that
could not be had. A document that no plan can be made of, such as introspection, is found while compiling
and answered by graphql-core as a whole.
"""
