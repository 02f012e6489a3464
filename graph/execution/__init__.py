"""Operations answered level by level: whole columns of values, no object and no coroutine a node.

`core/` makes a plan of an operation, once, from the schema that graphql-core would use, and is the only part
that touches the insides of graphql-core and Strawberry. `plan.py` has what it makes: levels and columns.
`fields.py` says where the values of a field come from, `connections.py` the same of pages, `completion.py`
what becomes of values, `errors.py` what happens to one that could not be had, `inputs.py` how variables and
arguments become Python's values. A document that no plan can be made of, such as introspection, is found
while compiling and answered by graphql-core as a whole.
"""
