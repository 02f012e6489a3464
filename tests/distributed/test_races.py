"""Races, on many nodes."""

from tests.races.test_races import *
