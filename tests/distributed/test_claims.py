"""Claims, on many nodes."""

from tests.db.test_claims import *
