"""A language model that rewrites what templates state, where what it writes adds nothing."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, Protocol

from kgrec.errors import ConfigError, printable
from kgrec.explain.explanation import Explanation, Written, WrittenPart
from kgrec.explain.groups import titled
from kgrec.explain.writing.checker import refusal
from kgrec.explain.writing.describing import MOST_TAGS
from kgrec.explain.writing.examples import conversation
from kgrec.explain.writing.settings import WordsConfig
from kgrec.explain.writing.statement import Statement
from kgrec.explain.writing.stating import reasons_of
from kgrec.settings import make_settings
from kgrec.text.causal import CausalModel, Message

_MOST_CHARS: Final = 60  # of a name that the model reads
_ONLY_REASONS: Final = "only reasons in English that liked items share are rewritten"
_MOST_KEPT: Final = 4096  # masked statements whose drafts are remembered


class LanguageModel(Protocol):
    """Answers conversations, such as `kgrec.text.causal.CausalModel`."""

    @property
    def name(self) -> str:
        """Its name, which generated texts are marked with."""

    def answers(
        self,
        conversations: Sequence[Sequence[Message]],
        *,
        max_tokens: int,
        temperature: float = ...,
        seed: int = ...,
    ) -> list[str]:
        """Return the next turn of each conversation."""


class Writer:
    """Rewrites statements with a causal language model; a checker decides what may be read.

    The model reads a statement with stand-ins for all names, so no label of a graph can tell it
    what to do. Each of its drafts is checked (`kgrec.explain.writing.checker.refusal`); if none is
    accepted, the template stands. Statements of the same form have the same drafts, which are
    remembered, so many reasons take little more time than a few. Which accepted draft a statement
    gets depends on the seed and its names alone.

    It writes English. Nothing is loaded before the first text, and nothing is downloaded.

    Args:
        model: Name or path of a model, see `WordsConfig.model`, or an object that answers
            conversations; None: as `config` says.
        config: The settings; None: the defaults.
        settings: Single settings by name, instead of `config`.

    Attributes:
        config: The settings.
        model: The model.
        drafted: The drafts of statements with stand-ins, and why each was refused ("": it was
            accepted), by the statement.

    Raises:
        ConfigError: A setting is wrong. That a model or package is missing is said when the first
            text is written.
    """

    def __init__(
        self,
        model: str | Path | LanguageModel | None = None,
        *,
        config: WordsConfig | None = None,
        **settings: Any,
    ) -> None:
        if config is not None and settings:
            raise ConfigError("Give `config`, or single settings, not both.")
        named = {"model": str(model)} if isinstance(model, str | Path) else {}
        if config is None:
            config = make_settings(WordsConfig, {**settings, **named}, "words")
        self.config = config if not named else config.model_copy(update=named)
        self.model: LanguageModel = (
            CausalModel(self.config.model) if model is None or named else model  # type: ignore[assignment]
        )
        self.drafted: OrderedDict[str, tuple[tuple[str, str], ...]] = OrderedDict()

    def write(self, statements: Sequence[Statement]) -> list[WrittenPart]:
        """Return each statement in other words, or as its template has it.

        Raises:
            ConfigError: The model cannot be loaded.
        """
        masked = [None if one.why_not else one.masked() for one in statements]
        self._draw([one[0] for one in masked if one is not None])
        parts = []
        for statement, pair in zip(statements, masked, strict=True):
            if pair is None:
                parts.append(_template(statement, statement.why_not))
                continue
            drafts = self.drafted[_key(pair[0])]
            accepted = [draft for draft, refused in drafts if not refused]
            if not accepted:
                parts.append(_template(statement, drafts[-1][1]))
                continue
            template = statement.template
            digest = hashlib.sha256(f"{self.config.seed}\0{template}".encode()).digest()
            chosen = accepted[int.from_bytes(digest[:8]) % len(accepted)]
            filled = Statement.filled(chosen, pair[1])
            # Names can read as other words than their stand-ins did.
            refused = refusal(filled, statement)
            parts.append(
                _template(statement, refused)
                if refused
                else WrittenPart(filled, template, generated=True)
            )
        while len(self.drafted) > _MOST_KEPT:
            self.drafted.popitem(last=False)
        return parts

    def text(self, statement: Statement) -> Written:
        """Return one statement in other words, or as its template has it."""
        part = self.write([statement])[0]
        return Written(part.text, part.generated, self.model.name, (part,))

    def explanations(self, explanations: Sequence[Explanation]) -> list[Written]:
        """Return the sentences of explanations in other words, all at once.

        Sentences that are not English, or tell no values that liked items share, stand as they are.
        """
        stated = [reasons_of(one) for one in explanations]
        parts = iter(self.write([part for one in stated if one for part in one.statements]))
        found = []
        for explanation, one in zip(explanations, stated, strict=True):
            said = explanation.sentence
            mine = [next(parts) for _ in one.statements] if one else []
            if one is None or not any(part.generated for part in mine):
                refused = mine[0].refused if mine else _ONLY_REASONS
                kept = (WrittenPart(said, said, generated=False, refused=refused),)
                found.append(Written(said, False, self.model.name, kept))
                continue
            if one.rest:
                mine.append(WrittenPart(one.rest, one.rest, generated=False))
            text = " ".join(part.text for part in mine)
            found.append(Written(text, True, self.model.name, tuple(mine)))
        return found

    def explained(self, explanations: Sequence[Explanation]) -> list[Explanation]:
        """Return explanations with their sentences in other words as `written`."""
        both = zip(explanations, self.explanations(explanations), strict=True)
        return [replace(one, written=written) for one, written in both]

    def title(self, explanation: Explanation) -> Written:
        """Return a heading for an explanation, such as "Dune, because you liked Solaris".

        It is the item's name alone where the sentence tells no values that liked items share.
        """
        stated = reasons_of(explanation)
        if stated is None:
            name = titled(explanation.item.label)
            part = WrittenPart(name, name, generated=False, refused=_ONLY_REASONS)
            return Written(name, False, self.model.name, (part,))
        return self.text(replace(stated.statements[0], kind="title", values=(), again=False))

    def tags(self, names: Sequence[str]) -> Written:
        """Return the tags, of some names, that the model chooses, separated by semicolons.

        The model reads the names themselves, without control characters, and each tag must be one
        of them as it is. The template is the first `MOST_TAGS` names.

        Args:
            names: The names, the most telling first.
        """
        shown: dict[str, str] = {}
        for name in names:
            clean = " ".join(printable(name, _MOST_CHARS).split())
            if clean and ";" not in clean:
                shown.setdefault(clean.casefold(), clean)
        template = "; ".join(list(shown.values())[:MOST_TAGS])
        if not template:
            part = WrittenPart("", "", generated=False, refused="there is no value to name")
            return Written("", False, self.model.name, (part,))
        ask = [
            {"role": "system", "content": "Choose the best tags from the list. Add nothing."},
            {"role": "user", "content": "Drama; Films of 1990; Paris; Rome"},
            {"role": "assistant", "content": "Drama; Paris"},
            {"role": "user", "content": "; ".join(shown.values())},
        ]
        draft = self.model.answers(
            [ask],
            max_tokens=self.config.max_tokens,
            temperature=self.config.temperature,
            seed=self.config.seed,
        )[0]
        chosen = [" ".join(one.split()).casefold() for one in draft.strip(" .;\n").split(";")]
        wrong = next((one for one in chosen if one not in shown), None)
        refused = ""
        if wrong is not None:
            refused = f"a tag that is no value: {printable(wrong, 40)}"
        elif len(set(chosen)) < len(chosen) or len(chosen) > MOST_TAGS:
            refused = f"a tag twice, or more than {MOST_TAGS}"
        text = template if refused else "; ".join(shown[one] for one in chosen)
        part = WrittenPart(text, template, generated=not refused, refused=refused)
        return Written(text, not refused, self.model.name, (part,))

    def _draw(self, masked: Sequence[Statement]) -> None:
        """Let the model draft the statements that it has not drafted yet, and check the drafts."""
        new = {_key(one): one for one in masked if _key(one) not in self.drafted}
        asked = [(key, draft) for key in new for draft in range(self.config.drafts)]
        drafts = self.model.answers(
            [conversation(new[key], draft) for key, draft in asked],
            max_tokens=self.config.max_tokens,
            temperature=self.config.temperature,
            seed=self.config.seed,
        ) if asked else []  # fmt: skip
        found: dict[str, list[tuple[str, str]]] = {key: [] for key in new}
        for (key, _), draft in zip(asked, drafts, strict=True):
            said = draft.strip()
            reason = refusal(said, new[key])
            if not reason and said == new[key].template:
                reason = "it is the template"
            if not reason and (said, "") in found[key]:
                reason = "it is another draft"
            found[key].append((said, reason))
        for key, checked in found.items():
            self.drafted[key] = tuple(checked)


def _key(masked: Statement) -> str:
    return repr(masked)


def _template(statement: Statement, reason: str) -> WrittenPart:
    return WrittenPart(statement.template, statement.template, generated=False, refused=reason)
