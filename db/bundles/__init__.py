"""Bundles: executions with everything of them as lines of JSON, out of one database and into another.

`format.py` says what a bundle looks like, `reading.py` makes one, `parsing.py` looks whether lines are one,
`writing.py` stores it, and `files.py` opens files of it.
"""
