"""Retention: which executions may go, what that would come to, and letting them go.

Policies and holds are rows (`policies.py`, `holds.py`); `selection.py` makes one predicate of them,
`preview.py` counts, `runs.py` applies them batch by batch, `partitions.py` drops whole ranges of time.
"""
