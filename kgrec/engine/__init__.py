"""Where the work of a stage is done: in this process, or by the workers of a Ray cluster."""

from kgrec.engine.base import Engine, LocalEngine, engine_in_use
from kgrec.engine.ray_engine import RayEngineConfig
from kgrec.engine.settings import EngineConfig, LocalEngineConfig, engine_changes, named_engine

__all__ = [
    "Engine",
    "EngineConfig",
    "LocalEngine",
    "LocalEngineConfig",
    "RayEngineConfig",
    "engine_changes",
    "engine_in_use",
    "named_engine",
]
