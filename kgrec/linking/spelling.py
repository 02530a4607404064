"""Titles that are nearly the same, found without comparing all pairs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from kgrec.data.tables import arrow_text
from kgrec.linking.label_keys import label_texts
from kgrec.linking.titles import digits, main_titles, title_keys
from kgrec.rdf.columns import GraphColumns
from kgrec.types import BoolArray, IntArray

_RARE = 200  # titles with one word; a more common word gives too many pairs
_SHORTEST = 5  # characters; in a shorter title, one other letter is too much
_START = 5  # letters of a beginning
_LEAST = 0.85  # similarity
_LEAST_OF_SIGNS = 0.92  # the same for Chinese and Japanese, where a character is a word
_SIGNS = r"[\x{3005}\x{3041}-\x{30ff}\x{3400}-\x{9fff}]"
_NO_NUMBER = r"[^\pN一二三四五六七八九十百千上中下前后後]+"  # also parts: 上集, 下集


def near_pairs(titles: Any, kg: GraphColumns, allowed: BoolArray) -> pd.DataFrame:
    """Return pairs of titles and labels that are nearly equal.

    Only pairs that share a rare word or a beginning are compared, by rapidfuzz's normalised Indel
    similarity, which must be 0.85 or more, and 0.92 for Chinese and Japanese. Numbers in both must
    be the same: "Rocky 2" is not "Rocky 3", and 第一次世界大战 is not 第二次世界大战.

    Args:
        titles: Arrow string array of shape (n,).
        kg: The graph.
        allowed: Which entities are compared, bool of shape (num_entities,).

    Returns:
        The columns item (row of `titles`), entity and similarity, each pair once.
    """
    from rapidfuzz.distance import Indel
    from rapidfuzz.process import cpdist

    mine = title_keys(titles)
    mine = mine[mine["kind"] != "part"]
    item, form = mine["row"].to_numpy(np.int64), digits(arrow_text(mine["clean"]))
    own_place, own_block = _blocks(form)
    entity, texts, _ = label_texts(kg)
    mask = allowed[entity]
    entity, texts = entity[mask], digits(main_titles(texts.filter(pa.array(mask))))
    place, block = _blocks(texts, pc.unique(own_block))
    theirs = pd.DataFrame({"place": place, "block": block.to_pandas()})
    size = theirs.groupby("block")["place"].transform("size")
    pairs = pd.DataFrame({"form": own_place, "block": own_block.to_pandas()})
    pairs = pairs.merge(theirs[size <= _RARE], on="block").drop_duplicates(["form", "place"])
    form = form.take(pa.array(pairs["form"].to_numpy(np.int64)))
    text = texts.take(pa.array(pairs["place"].to_numpy(np.int64)))
    alike = cpdist(
        form.to_pylist(),
        text.to_pylist(),
        scorer=Indel.normalized_similarity,
        score_cutoff=_LEAST,
        dtype=np.float32,
    )
    least = np.where(np.asarray(pc.match_substring_regex(form, _SIGNS)), _LEAST_OF_SIGNS, _LEAST)
    keep = (alike >= least.astype(np.float32)) & np.asarray(
        pc.equal(_numbers(form), _numbers(text)), dtype=bool
    )
    found = pd.DataFrame(
        {
            "item": item[pairs["form"].to_numpy(np.int64)][keep],
            "entity": entity[pairs["place"].to_numpy(np.int64)][keep],
            "similarity": alike[keep],
        }
    )
    found = found.sort_values("similarity", ascending=False, kind="stable")
    return found.drop_duplicates(["item", "entity"]).reset_index(drop=True)


def _blocks(forms: Any, wanted: Any = None) -> tuple[IntArray, Any]:
    """Return (form, block) pairs; forms with a common block, a word or beginning, are compared."""
    places = np.flatnonzero(np.asarray(pc.greater_equal(pc.utf8_length(forms), _SHORTEST)))
    forms = forms.take(pa.array(places))
    lists = pc.split_pattern(forms, " ")
    word = pc.list_flatten(lists)
    of_word = np.asarray(pc.list_parent_indices(lists), dtype=np.int64)
    start = pc.utf8_slice_codeunits(pc.replace_substring(forms, " ", ""), 0, _START)
    # A leading blank distinguishes beginnings from words.
    start = pc.replace_substring_regex(start, "^", " ")
    block = pa.concat_arrays([word.cast(pa.large_string()), start.cast(pa.large_string())])
    place = np.concatenate([places[of_word], places])
    keep = pc.greater_equal(pc.utf8_length(block), 3)
    if wanted is not None:
        keep = pc.and_(keep, pc.is_in(block, wanted))
    return place[np.asarray(keep, dtype=bool)], block.filter(keep)


def _numbers(texts: Any) -> Any:
    return pc.utf8_trim_whitespace(pc.replace_substring_regex(texts, _NO_NUMBER, " "))
