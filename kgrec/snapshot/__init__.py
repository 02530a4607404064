"""A fitted recommender in one object that never changes, and its sources."""

from kgrec.snapshot.snapshot import Prepared, Snapshot
from kgrec.snapshot.sources import Derived, Sources

__all__ = ["Derived", "Prepared", "Snapshot", "Sources"]
