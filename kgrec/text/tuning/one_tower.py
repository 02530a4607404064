"""A tuned encoder with its head, read from the folder that `kgrec tune-text` wrote."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field

from kgrec.errors import ConfigError, RunError, did_you_mean, printable
from kgrec.outputs.tensors import load_tensors
from kgrec.text.batching import length_batches
from kgrec.text.model_files import find_model
from kgrec.text.module import TextModule
from kgrec.text.tuning.head import Head
from kgrec.text.tuning.one_tower_settings import HEADS
from kgrec.text.tuning.targets import AnyTarget, ClassTarget, NumberTarget, ValuesTarget, YesTarget
from kgrec.text.tuning.user_texts import PairReader, UserText
from kgrec.types import BoolArray, FloatArray, IntArray, torch_device

_BUDGET: Final = 4096


class _About(BaseModel):
    """What a folder says of a head."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    target: AnyTarget
    user_share: float = Field(default=0.5, gt=0, lt=1)
    history: bool = True
    profile: bool = True
    user_text: str | None = None


class OneTower:
    """Answers of a head about texts: a rating, yes or no, an item's values.

    Args:
        module: The encoder.
        head: The head.
        about: What the folder says of it.
        threshold: The lowest probability of a value that is said of an item.

    Attributes:
        task: The name of the task that the head was trained on.
        target: What it answers.
        texts: Which texts on users it was trained with: settings of `user_texts`.
    """

    def __init__(
        self, module: TextModule, head: Head, about: _About, threshold: float = 0.5
    ) -> None:
        self._module, self._head, self._threshold = module.eval(), head, threshold
        self.task, self.target = about.name, about.target
        self.texts: dict[str, Any] = {
            "history": about.history, "profile": about.profile, "user_text": about.user_text,
        }  # fmt: skip
        self._reader = PairReader(module, about.user_share)

    @classmethod
    def load(cls, folder: str | Path, task: str | None = None, *, device: str = "auto") -> Self:
        """Read a folder with a head. Nothing in it is executed.

        Args:
            folder: What `kgrec tune-text` wrote.
            task: The name of the task; None: the first one with a head.
            device: The device; "auto" is a GPU where there is one.

        Raises:
            RunError: The folder has no head, or it is damaged.
            ConfigError: It has none of that task, or the encoder cannot be loaded.
        """
        path = Path(folder) / HEADS
        where = printable(str(folder))
        if not path.is_file():
            raise RunError(
                f"{where} has no head ({HEADS}). `kgrec tune-text` writes one for tasks such as "
                "`rating`, `click` and `attributes`."
            )
        tensors, saved = load_tensors(path)
        try:
            known = {
                place: _About.model_validate(one)
                for place, one in saved.items()
                if "target" in one  # the heads of other tasks are for training alone
            }
        except (TypeError, ValueError) as error:
            raise RunError(f"{where}: {HEADS} does not say what its heads are.") from error
        places = [place for place, one in known.items() if task in (None, one.name)]
        if not places:
            names = sorted({one.name for one in known.values()})
            wanted = "such a task" if task is None else f"the task {printable(task)!r}"
            raise ConfigError(f"{where} has no head of {wanted}." + did_you_mean(task or "", names))
        about = known[places[0]]
        module = TextModule.load(find_model(folder))
        weight, bias = (tensors.get(f"{places[0]}.{name}") for name in ("weight", "bias"))
        shape = (about.target.num_outputs, module.dim)
        if weight is None or bias is None or weight.shape != shape or bias.shape != shape[:1]:
            raise RunError(f"{where}: the head of {HEADS} does not fit the encoder.")
        head = Head(module.dim, np.asarray(bias.float().numpy()))
        with torch.no_grad():
            head.weight.copy_(weight)
        if not all(bool(value.isfinite().all()) for value in head.parameters()):
            raise RunError(f"{where}: the head of {HEADS} has numbers that are not finite.")
        threshold = tensors.get(f"{places[0]}.threshold", torch.tensor([0.5]))
        to = torch_device(device)
        return cls(module.to(to), head.to(to), about, float(threshold.reshape(-1)[0]))

    @property
    def ranks(self) -> bool:
        """Whether it answers about users and items, so that it can rank."""
        return not isinstance(self.target, ValuesTarget)

    def scores(self, user: UserText, items: Sequence[str]) -> FloatArray:
        """Return what a user is expected to answer about items.

        Args:
            user: The words on the user.
            items: n texts of items.

        Returns:
            float32 of shape (n,): the expected rating, or the probability of a yes.

        Raises:
            ConfigError: The head answers about items alone.
        """
        return self.pair_scores([user] * len(items), items)

    def pair_scores(self, users: Sequence[UserText], items: Sequence[str]) -> FloatArray:
        """Return the same for n pairs, float32 of shape (n,)."""
        if not isinstance(self.target, NumberTarget | ClassTarget | YesTarget):
            raise ConfigError(
                f"The head of the task `{self.task}` answers about items alone; it cannot rank for "
                "a user. Use one of `rating`, `stars` or `click`."
            )
        self._reader.read(items)
        tokens = [self._reader.tokens(*pair) for pair in zip(users, items, strict=True)]
        return self.target.answers(self._outputs(tokens))

    def values(self, items: Sequence[str]) -> list[list[str]]:
        """Return the values that are said of items, such as `["genres: Comedy"]` for each.

        Args:
            items: Texts of items.

        Raises:
            ConfigError: The head answers about users and items.
        """
        if not isinstance(self.target, ValuesTarget):
            raise ConfigError(f"The head of the task `{self.task}` says no values of items.")
        outputs = self._outputs(self._module.tokenize(items))
        chosen: BoolArray = self.target.chosen(outputs, self._threshold)
        return [[self.target.values[n] for n in np.flatnonzero(row)] for row in chosen]

    def _outputs(self, tokens: Sequence[IntArray]) -> FloatArray:
        lengths = np.fromiter((len(row) for row in tokens), np.int64, len(tokens))
        found = np.empty((len(tokens), self.target.num_outputs), dtype=np.float32)
        with torch.no_grad():
            for rows in length_batches(lengths, _BUDGET):
                vectors = self._module([tokens[row] for row in rows])
                found[rows] = self._head(vectors).cpu().numpy()
        return found
