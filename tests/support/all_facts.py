"""Facts of data that has everything: ratings, words, vectors, numbers, new items."""

from dataclasses import replace

from three_blocks import three_blocks

from kgrec.auto.data_facts import Facts


def all_facts() -> Facts:
    found = Facts.of(three_blocks().data)
    return replace(
        found, rating_ratio=5.0, word_rows=50, has_vectors=True, has_numbers=True, new_items=0.1
    )
