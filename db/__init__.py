"""Everything that speaks SQL: models, reads, writes, partitions, migrations' runner.

Knows nothing of GraphQL or HTTP; `tests/test_layers.py` keeps it so.
"""
