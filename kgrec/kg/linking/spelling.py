"""Titles that are nearly the same, found without comparing all with all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from kgrec.kg.linking.labels import label_texts
from kgrec.kg.linking.titles import arrow_text, digits, title_keys

if TYPE_CHECKING:
    from kgrec.kg.graph import KnowledgeGraph

_RARE = 200  # titles that a word may stand in; one of more brings too many pairs
_SHORTEST = 5  # characters; of shorter titles one letter is too much
_START = 5  # letters of a beginning


def near_pairs(
    titles: Any, kg: KnowledgeGraph, allowed: npt.NDArray[np.bool_], least: float
) -> pd.DataFrame:
    """Return pairs of titles and labels that are nearly equal.

    Args:
        titles: Arrow string array of shape (n,).
        kg: The graph.
        allowed: Which entities are compared, bool of shape (num_entities,).
        least: Least similarity, 0 to 1.

    Returns:
        The columns item (row of `titles`), entity and similarity, each pair once.
    """
    from rapidfuzz.distance import Indel
    from rapidfuzz.process import cpdist

    entity, texts, _ = label_texts(kg)
    mask = allowed[entity]
    entity, texts = entity[mask], texts.filter(pa.array(mask))
    mine, theirs = _forms(titles), _forms(texts)
    theirs = theirs.assign(entity=entity[theirs["row"].to_numpy(np.int64)])
    blocks = _blocks(theirs)
    size = blocks.groupby("block")["form"].transform("size")
    pairs = _blocks(mine).merge(blocks[size <= _RARE], on="block", suffixes=("", "_entity"))
    pairs = pairs.drop_duplicates(["form", "form_entity"])
    a = mine["text"].to_numpy()[pairs["form"].to_numpy(np.int64)]
    b = theirs["text"].to_numpy()[pairs["form_entity"].to_numpy(np.int64)]
    alike = cpdist(a, b, scorer=Indel.normalized_similarity, score_cutoff=least, dtype=np.float32)
    figures = [_figures(forms) for forms in (a, b)]
    keep = (alike >= least) & (figures[0] == figures[1])
    found = pd.DataFrame(
        {
            "item": mine["row"].to_numpy(np.int64)[pairs["form"].to_numpy(np.int64)][keep],
            "entity": theirs["entity"].to_numpy(np.int64)[pairs["form_entity"].to_numpy(np.int64)][
                keep
            ],
            "similarity": alike[keep],
        }
    )
    found = found.sort_values("similarity", ascending=False, kind="stable")
    return found.drop_duplicates(["item", "entity"]).reset_index(drop=True)


def _forms(texts: Any) -> pd.DataFrame:
    """Return the titles that are compared: the columns row and text."""
    table = title_keys(texts)
    table = table[table["kind"] != "part"]
    form = digits(arrow_text(table["clean"])).to_pandas()
    table = pd.DataFrame({"row": table["row"].to_numpy(), "text": form.to_numpy()})
    return table[table["text"].str.len() >= _SHORTEST].reset_index(drop=True)


def _blocks(forms: pd.DataFrame) -> pd.DataFrame:
    """Return (form, block): a form is compared with those that share a word or a beginning."""
    words = forms["text"].str.split().explode()
    words = words[words.str.len() >= 3]
    start = " " + forms["text"].str.replace(" ", "").str.slice(0, _START)
    both = pd.concat([words, start])
    return pd.DataFrame({"form": both.index.to_numpy(np.int64), "block": both.to_numpy()})


def _figures(texts: npt.NDArray[np.object_]) -> npt.NDArray[np.object_]:
    figures = pc.replace_substring_regex(
        pa.array(texts, pa.large_string()), r"[^\pN ]|\b\pL+\b", ""
    )
    trimmed: npt.NDArray[np.object_] = pc.utf8_trim_whitespace(figures).to_pandas().to_numpy()
    return trimmed
