"""Features of users from the user table."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from kgrec.data.attribute_table import AttributeTable
from kgrec.models.content import number_bumps


def user_features(table: AttributeTable) -> sparse.csr_matrix:
    """Return features whose inner product is the similarity of two users, from 0 to about 1.

    Each column of the table has the same weight. In a category, users with the same value are
    similar; in a number, similarity is a Gaussian of the difference, with 0.6 of the column's
    standard deviation. A missing value is similar to nothing.

    Args:
        table: The user table.

    Returns:
        Non-negative, float32 of shape (num_users, num_features).
    """
    num = len(table.ids)
    blocks = []
    for category in table.categories.values():
        ones = np.ones(len(category.row))
        shape = (num, max(len(category.values), 1))
        block = sparse.csr_matrix((ones, (category.row, category.value)), shape=shape)
        length = np.sqrt(np.asarray(block.multiply(block).sum(1)).ravel())
        blocks.append(sparse.diags(1.0 / np.maximum(length, 1.0)) @ block)
    for values in table.numbers.values():
        known = np.isfinite(values)
        if known.any():
            bumps = number_bumps(np.where(known, values, values[known].mean()))
            blocks.append(sparse.csr_matrix(bumps * known[:, None]))
    if not blocks:
        return sparse.csr_matrix(np.zeros((num, 0), dtype=np.float32))
    joined = sparse.hstack(blocks, format="csr", dtype=np.float32) * np.float32(len(blocks) ** -0.5)
    return sparse.csr_matrix(joined, dtype=np.float32)
