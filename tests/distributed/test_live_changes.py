"""Feeds, on many nodes."""

from tests.live.test_changes import *

# By hand none can be prepared over several nodes: Citus does that itself.
del test_a_prepared_transaction_is_named  # noqa: F821
