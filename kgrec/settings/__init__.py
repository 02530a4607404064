"""Settings of all components: their class, plain values and YAML, changes, and mistakes in them."""

from kgrec.settings.base import ByName, Settings, by_name
from kgrec.settings.changes import changed, parse_changes, parse_settings
from kgrec.settings.making import make_settings
from kgrec.settings.mistakes import explain
from kgrec.settings.union_types import kinds_of
from kgrec.settings.yaml_files import parse_yaml, read_yaml

__all__ = [
    "ByName",
    "Settings",
    "by_name",
    "changed",
    "explain",
    "kinds_of",
    "make_settings",
    "parse_changes",
    "parse_settings",
    "parse_yaml",
    "read_yaml",
]
