"""Flowkeep as it is installed: one package, with `db`, `graph` and `migrations` inside.

In a checkout these are folders beside this one; `hatch_build.py` says how a wheel brings them together.
"""
