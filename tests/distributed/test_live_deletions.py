"""Feeds, on many nodes."""

from tests.live.test_deletions import *

# It sets a clock back with a statement of its own that no Citus takes.
del test_deletions_are_forgotten_in_time  # noqa: F821
