"""The log of what came in while serving: written before it is acknowledged, read by all workers."""

from kgrec.serving.log.by_name import open_log
from kgrec.serving.log.events import Appended, Event, KeyReusedError, Kind
from kgrec.serving.log.sql import Log

__all__ = ["Appended", "Event", "KeyReusedError", "Kind", "Log", "open_log"]
