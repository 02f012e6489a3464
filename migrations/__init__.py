"""The schema's history: numbered, self-contained revisions, run by `flowkeep migrate`."""
