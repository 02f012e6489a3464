"""Feeds, on many nodes."""

from tests.live.test_endings import *
