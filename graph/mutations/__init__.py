"""GraphQL's mutations, one aggregate a file: inputs, payloads, and the fields of the root.

Every field is one write: accepted (is the input storable?), written by one function of `db.writes` in one
transaction, and answered with what is there afterwards. Refusals are raised as the domain's errors and
become members of the field's union.
"""
