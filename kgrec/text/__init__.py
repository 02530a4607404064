"""Text: entities as text, texts as vectors, and a cache of these on disk.

`verbalise` writes each entity of a graph as a few sentences, `TextEncoder` turns strings into
vectors with a language model, and `EmbeddingCache` keeps those vectors, so that a second run
encodes nothing. The language model is loaded when the first text needs it.
"""

from kgrec.text.backend import TextBackend
from kgrec.text.cache import EmbeddingCache, default_cache_folder, encode_cached
from kgrec.text.encoder import TextEncoder
from kgrec.text.multilingual import MultilingualEncoder
from kgrec.text.verbalise import verbalise, verbalise_table

__all__ = [
    "EmbeddingCache",
    "MultilingualEncoder",
    "TextBackend",
    "TextEncoder",
    "default_cache_folder",
    "encode_cached",
    "verbalise",
    "verbalise_table",
]
