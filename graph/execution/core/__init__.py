"""The only package that touches the insides of graphql-core and Strawberry.

`compiling.py` makes plans, `coercing.py` what turns variables and arguments into Python's values,
`answering.py` runs plans and hands to graphql-core what none can be made of.
"""
