"""Which words of a text make its vector point where it does: integrated gradients."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch

from kgrec.errors import DataError
from kgrec.text.module import TextModule
from kgrec.types import FloatArray

STEPS: Final = 32
_AT_ONCE: Final = 8


@dataclass(frozen=True)
class WordAttributions:
    """What each word of a text adds to the product of its vector with a direction.

    Attributes:
        words: The words in their order, as they are in the text, and what each adds; words beyond
            the length that the model reads are not there.
        score: The product.
        base: The product for the same text with every word blanked, plus what tokens add that are
            no word's, such as a prompt. Words and base add up to the score, apart from the error of
            the numeric integral.
    """

    words: tuple[tuple[str, float], ...]
    score: float
    base: float


def word_attributions(
    module: TextModule,
    text: str,
    direction: FloatArray,
    *,
    query: bool = False,
    steps: int = STEPS,
) -> WordAttributions:
    """Return what each word adds to ⟨vector of the text, direction⟩.

    Integrated gradients (Sundararajan, Taly and Yan, Axiomatic attribution for deep networks, ICML
    2017) from a text whose tokens all have the embedding of padding, or of the hidden token, to the
    text itself; the special tokens around it stay. The integral is a Gauss–Legendre quadrature. It
    goes through the whole encoder, as `TextModule.load` reads it: also one that was tuned.

    Args:
        module: The encoder.
        text: The text.
        direction: float32 of shape (dim,): the vector of a query, or what a model makes of text
            vectors.
        query: Whether the text is a query.
        steps: Points of the quadrature.

    Raises:
        DataError: The text has no word, or the direction another length.
    """
    spans = [(found.start(), found.end()) for found in re.finditer(r"\S+", text)]
    toward = torch.from_numpy(np.asarray(direction, dtype=np.float32)).to(module.device)
    if not spans or toward.shape != (module.dim,):
        raise DataError(
            f"Attributions need a text with words and a direction of {module.dim} numbers, found "
            f"{len(spans)} words and the shape {tuple(toward.shape)}."
        )
    ids, of_tokens = module.spans(text, query=query)
    embeddings = module.model.get_input_embeddings()
    whole = torch.from_numpy(ids).to(module.device)
    blank = torch.full_like(whole, module.blank_token)
    own = torch.tensor([end > start for start, end in of_tokens], device=module.device)
    with torch.no_grad():
        there = embeddings(whole)
        start = torch.where(own[:, None], embeddings(blank), there)
    places, weights = np.polynomial.legendre.leggauss(steps)
    places, weights = (places + 1) / 2, weights / 2
    total = torch.zeros_like(there)
    for first in range(0, steps, _AT_ONCE):
        part = torch.tensor(places[first : first + _AT_ONCE], dtype=there.dtype)
        share = torch.tensor(weights[first : first + _AT_ONCE], dtype=there.dtype)
        inputs = start + part.to(there)[:, None, None] * (there - start)
        inputs.requires_grad_(True)
        product = _products(module, ids, inputs, toward, query=query)
        (gradient,) = torch.autograd.grad((share.to(product) * product).sum(), inputs)
        total += gradient.sum(dim=0)
    of_token = (total * (there - start)).sum(dim=1).double().cpu().numpy()
    with torch.no_grad():
        score = float(_products(module, ids, there[None], toward, query=query)[0])
    values = [0.0] * len(spans)
    words = np.array([begin for begin, _ in spans])
    for value, (begin, end) in zip(of_token.tolist(), of_tokens, strict=True):
        if end > begin:  # by its last character: it may begin with the space before the word
            values[max(0, int(np.searchsorted(words, end, side="left")) - 1)] += value
    read = max((end for _, end in of_tokens), default=0)
    told = tuple(
        (text[begin:end], value)
        for (begin, end), value in zip(spans, values, strict=True)
        if begin < read
    )
    return WordAttributions(told, score, score - sum(value for _, value in told))


def _products(
    module: TextModule,
    ids: np.ndarray[tuple[int], np.dtype[np.int64]],
    inputs: torch.Tensor,
    toward: torch.Tensor,
    *,
    query: bool,
) -> torch.Tensor:
    """Return the products of vectors of texts, given by the embeddings of their tokens."""

    def hidden_states(_: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        found = module.model(inputs_embeds=inputs, attention_mask=mask)
        hidden: torch.Tensor = found.last_hidden_state
        return hidden

    vectors = module.vectors([ids] * len(inputs), hidden_states, normalize=True, query=query)
    return vectors @ toward
