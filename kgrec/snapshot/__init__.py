"""What a fitted recommender is, in one object that never changes, and what it is made of."""

from kgrec.snapshot.snapshot import Prepared, Snapshot
from kgrec.snapshot.sources import Derived, Sources

__all__ = ["Derived", "Prepared", "Snapshot", "Sources"]
