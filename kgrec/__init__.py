"""kgrec: recommendations from a knowledge graph and interactions.

The names below are loaded when they are first used, so that `import kgrec` costs next to nothing.

>>> import kgrec
>>> kgrec.__version__.count(".")
2
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from kgrec.compare_runs import compare_runs
    from kgrec.config import TextConfig
    from kgrec.data.attribute_table import AttributeTable
    from kgrec.data.interactions import Interactions
    from kgrec.data.splits import Split
    from kgrec.data.vocabulary import Vocabulary
    from kgrec.datasets import Dataset, read_dataset
    from kgrec.evaluation.comparison import Comparison, compare_models
    from kgrec.evaluation.evaluate import Evaluation
    from kgrec.graph.build import build_graph
    from kgrec.graph.choices import GraphConfig
    from kgrec.kg.combine import merge_graphs
    from kgrec.kg.graph import KnowledgeGraph
    from kgrec.kg.linking import Links, link
    from kgrec.kg.mapping import TableMapping, map_table
    from kgrec.kg.read_config import ReadConfig
    from kgrec.kg.sameas import merge_same_as
    from kgrec.kg.sparql.config import SparqlConfig
    from kgrec.kg.sparql.fetch import SparqlGraph, fetch_graph
    from kgrec.kg.suggestion import suggest_mapping
    from kgrec.models.content_ease import ContentEASE, ContentEASEConfig
    from kgrec.models.ease import EASE, AttributeEASE, AttributeEASEConfig, EASEConfig
    from kgrec.models.ensemble import Ensemble, EnsembleConfig
    from kgrec.models.ials import IALS, IALSConfig
    from kgrec.models.item_knn import ItemKNN, ItemKNNConfig
    from kgrec.models.popular import MostPopular
    from kgrec.models.slim import SLIM, SLIMConfig
    from kgrec.models.trending import Trending, TrendingConfig
    from kgrec.models.user_ease import UserEASE, UserEASEConfig
    from kgrec.pipeline import Recommendation, Recommender, evaluate
    from kgrec.runs import load, save
    from kgrec.text.cache import EmbeddingCache
    from kgrec.text.encoder import TextEncoder
    from kgrec.training.link_prediction import LinkPrediction, LinkPredictionConfig

_HOME = {
    "ContentEASE": "kgrec.models.content_ease",
    "ContentEASEConfig": "kgrec.models.content_ease",
    "UserEASE": "kgrec.models.user_ease",
    "UserEASEConfig": "kgrec.models.user_ease",
    "Trending": "kgrec.models.trending",
    "TrendingConfig": "kgrec.models.trending",
    "Ensemble": "kgrec.models.ensemble",
    "EnsembleConfig": "kgrec.models.ensemble",
    "Comparison": "kgrec.evaluation.comparison",
    "Dataset": "kgrec.datasets",
    "EASE": "kgrec.models.ease",
    "EASEConfig": "kgrec.models.ease",
    "AttributeEASE": "kgrec.models.ease",
    "AttributeEASEConfig": "kgrec.models.ease",
    "AttributeTable": "kgrec.data.attribute_table",
    "EmbeddingCache": "kgrec.text.cache",
    "Evaluation": "kgrec.evaluation.evaluate",
    "GraphConfig": "kgrec.graph.choices",
    "IALS": "kgrec.models.ials",
    "IALSConfig": "kgrec.models.ials",
    "Interactions": "kgrec.data.interactions",
    "ItemKNN": "kgrec.models.item_knn",
    "ItemKNNConfig": "kgrec.models.item_knn",
    "KnowledgeGraph": "kgrec.kg.graph",
    "LinkPrediction": "kgrec.training.link_prediction",
    "LinkPredictionConfig": "kgrec.training.link_prediction",
    "Links": "kgrec.kg.linking",
    "MostPopular": "kgrec.models.popular",
    "ReadConfig": "kgrec.kg.read_config",
    "Recommendation": "kgrec.pipeline",
    "Recommender": "kgrec.pipeline",
    "SLIM": "kgrec.models.slim",
    "SLIMConfig": "kgrec.models.slim",
    "SparqlConfig": "kgrec.kg.sparql.config",
    "SparqlGraph": "kgrec.kg.sparql.fetch",
    "Split": "kgrec.data.splits",
    "TableMapping": "kgrec.kg.mapping",
    "TextConfig": "kgrec.config",
    "TextEncoder": "kgrec.text.encoder",
    "Vocabulary": "kgrec.data.vocabulary",
    "compare_models": "kgrec.evaluation.comparison",
    "compare_runs": "kgrec.compare_runs",
    "build_graph": "kgrec.graph.build",
    "fetch_graph": "kgrec.kg.sparql.fetch",
    "evaluate": "kgrec.pipeline",
    "link": "kgrec.kg.linking",
    "load": "kgrec.runs",
    "map_table": "kgrec.kg.mapping",
    "merge_graphs": "kgrec.kg.combine",
    "merge_same_as": "kgrec.kg.sameas",
    "read_dataset": "kgrec.datasets",
    "save": "kgrec.runs",
    "suggest_mapping": "kgrec.kg.suggestion",
}

__all__ = ["__version__", *sorted(_HOME)]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'kgrec' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
