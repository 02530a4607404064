"""A fitted recommender in one object that never changes, and its sources."""

from kgrec.snapshot.bulk import BulkRecommendations
from kgrec.snapshot.inputs import Derived, Inputs
from kgrec.snapshot.prepared import Prepared
from kgrec.snapshot.snapshot import Snapshot

__all__ = ["BulkRecommendations", "Derived", "Inputs", "Prepared", "Snapshot"]
