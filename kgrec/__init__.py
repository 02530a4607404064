"""kgrec: recommendations from a knowledge graph and interactions.

The names below are loaded when they are first used, so that `import kgrec` costs next to nothing.

>>> import kgrec
>>> kgrec.__version__.count(".")
2
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kgrec.client import Client
    from kgrec.conversation import Conversation
    from kgrec.data.attribute_table import AttributeTable
    from kgrec.data.interactions import Interactions, Split
    from kgrec.data.vocabulary import Vocabulary
    from kgrec.datasets.dataset import Dataset
    from kgrec.datasets.loading import read_dataset
    from kgrec.evaluation.base import Evaluation
    from kgrec.evaluation.comparison import Comparison, compare_models
    from kgrec.explain.settings import ExplainConfig
    from kgrec.explain.writing.settings import WordsConfig
    from kgrec.explain.writing.writer import Writer
    from kgrec.graph.build import build_graph
    from kgrec.graph.selection import GraphConfig
    from kgrec.kg.graph import KnowledgeGraph
    from kgrec.kg.merging import merge_graphs
    from kgrec.kg.tables.mapped_table import map_table
    from kgrec.kg.tables.mapping import TableMapping
    from kgrec.kg.tables.suggestion import suggest_mapping
    from kgrec.linking import Links, link
    from kgrec.linking.same_as import merge_same_as
    from kgrec.models.content_ease import ContentEASE, ContentEASEConfig
    from kgrec.models.ease import EASE, AttributeEASE, AttributeEASEConfig, EASEConfig
    from kgrec.models.ensemble import Ensemble, EnsembleConfig
    from kgrec.models.ials import IALS, IALSConfig
    from kgrec.models.item_knn import ItemKNN, ItemKNNConfig
    from kgrec.models.kernel_ratings import KernelRatings, KernelRatingsConfig
    from kgrec.models.low_rank import LowRank, LowRankConfig
    from kgrec.models.popular import MostPopular
    from kgrec.models.slim import SLIM, SLIMConfig
    from kgrec.models.trending import Trending, TrendingConfig
    from kgrec.models.user_ease import UserEASE, UserEASEConfig
    from kgrec.rdf.settings import ReadConfig
    from kgrec.reasons import Reasons
    from kgrec.recommender import Recommender, evaluate
    from kgrec.retrieval.settings import (
        ApproximateIndexConfig,
        ExactIndexConfig,
        RetrieveConfig,
    )
    from kgrec.runs.comparing import compare_runs
    from kgrec.runs.reading import load
    from kgrec.runs.writing import save
    from kgrec.search.settings import SearchConfig
    from kgrec.snapshot.listed import Recommendation
    from kgrec.snapshot.text_reranking import TextReranker
    from kgrec.sparql.fetch import SparqlGraph, fetch_graph
    from kgrec.sparql.settings import SparqlConfig
    from kgrec.text.cache import EmbeddingCache
    from kgrec.text.encoder import TextEncoder
    from kgrec.text.module import TextModule
    from kgrec.text.multilingual import MultilingualEncoder
    from kgrec.text.settings import TextConfig
    from kgrec.training.link_prediction import LinkPrediction, LinkPredictionConfig

    __version__: str

_HOME = {
    "ContentEASE": "kgrec.models.content_ease",
    "ContentEASEConfig": "kgrec.models.content_ease",
    "UserEASE": "kgrec.models.user_ease",
    "UserEASEConfig": "kgrec.models.user_ease",
    "Trending": "kgrec.models.trending",
    "TrendingConfig": "kgrec.models.trending",
    "Ensemble": "kgrec.models.ensemble",
    "EnsembleConfig": "kgrec.models.ensemble",
    "Client": "kgrec.client",
    "Comparison": "kgrec.evaluation.comparison",
    "Conversation": "kgrec.conversation",
    "Dataset": "kgrec.datasets.dataset",
    "EASE": "kgrec.models.ease",
    "EASEConfig": "kgrec.models.ease",
    "AttributeEASE": "kgrec.models.ease",
    "AttributeEASEConfig": "kgrec.models.ease",
    "AttributeTable": "kgrec.data.attribute_table",
    "EmbeddingCache": "kgrec.text.cache",
    "Evaluation": "kgrec.evaluation.base",
    "GraphConfig": "kgrec.graph.selection",
    "ApproximateIndexConfig": "kgrec.retrieval.settings",
    "ExactIndexConfig": "kgrec.retrieval.settings",
    "ExplainConfig": "kgrec.explain.settings",
    "IALS": "kgrec.models.ials",
    "IALSConfig": "kgrec.models.ials",
    "Interactions": "kgrec.data.interactions",
    "ItemKNN": "kgrec.models.item_knn",
    "ItemKNNConfig": "kgrec.models.item_knn",
    "LowRank": "kgrec.models.low_rank",
    "LowRankConfig": "kgrec.models.low_rank",
    "KernelRatings": "kgrec.models.kernel_ratings",
    "KernelRatingsConfig": "kgrec.models.kernel_ratings",
    "KnowledgeGraph": "kgrec.kg.graph",
    "LinkPrediction": "kgrec.training.link_prediction",
    "LinkPredictionConfig": "kgrec.training.link_prediction",
    "Links": "kgrec.linking",
    "MostPopular": "kgrec.models.popular",
    "MultilingualEncoder": "kgrec.text.multilingual",
    "ReadConfig": "kgrec.rdf.settings",
    "Reasons": "kgrec.reasons",
    "Recommendation": "kgrec.snapshot.listed",
    "Recommender": "kgrec.recommender",
    "RetrieveConfig": "kgrec.retrieval.settings",
    "SearchConfig": "kgrec.search.settings",
    "SLIM": "kgrec.models.slim",
    "SLIMConfig": "kgrec.models.slim",
    "SparqlConfig": "kgrec.sparql.settings",
    "SparqlGraph": "kgrec.sparql.fetch",
    "Split": "kgrec.data.interactions",
    "TableMapping": "kgrec.kg.tables.mapping",
    "TextConfig": "kgrec.text.settings",
    "TextEncoder": "kgrec.text.encoder",
    "TextModule": "kgrec.text.module",
    "TextReranker": "kgrec.snapshot.text_reranking",
    "Vocabulary": "kgrec.data.vocabulary",
    "WordsConfig": "kgrec.explain.writing.settings",
    "Writer": "kgrec.explain.writing.writer",
    "compare_models": "kgrec.evaluation.comparison",
    "compare_runs": "kgrec.runs.comparing",
    "build_graph": "kgrec.graph.build",
    "fetch_graph": "kgrec.sparql.fetch",
    "evaluate": "kgrec.recommender",
    "link": "kgrec.linking",
    "load": "kgrec.runs.reading",
    "map_table": "kgrec.kg.tables.mapped_table",
    "merge_graphs": "kgrec.kg.merging",
    "merge_same_as": "kgrec.linking.same_as",
    "read_dataset": "kgrec.datasets.loading",
    "save": "kgrec.runs.writing",
    "suggest_mapping": "kgrec.kg.tables.suggestion",
}

__all__ = ["__version__", *sorted(_HOME)]


def __getattr__(name: str) -> Any:
    if name == "__version__":  # that of pyproject.toml, by way of the installation
        return import_module("importlib.metadata").version("kgrec")
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'kgrec' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
