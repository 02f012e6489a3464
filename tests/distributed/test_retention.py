"""Retention, on many nodes."""

from tests.db.test_retention import *
