"""A conversation on a terminal: lines in, answers out."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import IO, Final

from kgrec.conversation import Answer, Conversation
from kgrec.errors import DataError, KgrecError
from kgrec.reporting.console import LONG, make_console, safe
from kgrec.reporting.recommendations import print_items

_HELP: Final = """Say what you look for, such as: a funny heist film from the 90s, no Adam Sandler
  :more            further items
  :like NUMBER     more like an item of the last answer; its id works too
  :no NUMBER       nothing like it
  :filter TEXT     what items must fulfil, such as price < 30; nothing: anything
  :reset           begin again
  :help            this
  :quit            end; so does the end of the input"""
_LONGEST: Final = 1_000_000  # characters of a line


class Chat:
    """Reads lines, and prints the answers of a conversation.

    Args:
        conversation: The conversation.
        k: Number of items of an answer.
        as_json: Whether each answer is a line of JSON.
    """

    def __init__(self, conversation: Conversation, k: int, *, as_json: bool = False) -> None:
        self._conversation, self._k, self._as_json = conversation, k, as_json
        self._console = make_console()
        self._last: list[str] = []

    def run(self, lines: IO[str], *, shows_prompt: bool) -> None:
        """Answer each line until the end of the input, or `:quit`."""
        if shows_prompt:
            self._say("What do you look for? :help shows what else you can say.")
        while True:
            if shows_prompt:
                self._console.print("> ", end="")
            try:
                line = lines.readline(_LONGEST)
            except UnicodeDecodeError:
                self._problem("The input is not UTF-8 text.")
                return
            if not line or line.strip() in (":quit", ":q", ":exit"):
                return
            if line.strip():
                self._answer(line.strip())

    def _answer(self, line: str) -> None:
        try:
            if line.startswith(":"):
                self._order(*line[1:].partition(" ")[::2])
            else:
                self._show(self._conversation.say(line, self._k))
        except KgrecError as error:
            self._problem(str(error))

    def _order(self, order: str, rest: str) -> None:
        if order == "help":
            self._say(_HELP)
        elif order == "more":
            self._show(self._conversation.more(self._k))
        elif order in ("like", "no"):
            change = self._conversation.like if order == "like" else self._conversation.dislike
            change(self._items(rest.split()))
            self._show(self._conversation.more(self._k))
        elif order == "filter":
            before, self._conversation.filter = self._conversation.filter, rest.strip() or None
            try:
                self._conversation.recommender.snapshot.allowed(self._conversation.filter)
            except KgrecError:
                self._conversation.filter = before
                raise
        elif order == "reset":
            self._conversation.reset()
            self._last = []
        else:
            self._problem(f"There is no :{order}. :help lists what there is.")

    def _items(self, words: Iterable[str]) -> list[str]:
        """Return the ids that are meant by places in the last answer, or by ids.

        Raises:
            DataError: There are none.
        """
        words = list(words)
        if not words:
            raise DataError("Which items? Give their numbers in the last answer, such as :like 2.")
        return [
            self._last[int(word) - 1]
            if word.isdecimal() and len(word) < 6 and 1 <= int(word) <= len(self._last)
            else word
            for word in words
        ]

    def _show(self, answer: Answer) -> None:
        self._last = [item.item for item in answer.items]
        if self._as_json:
            print(json.dumps(answer.to_dict()))  # ASCII: safe on any terminal
            return
        self._say(str(answer.understood))
        if answer.items:
            print_items(answer.items, as_json=False)
        else:
            self._say("Nothing is left that fits. :reset begins again.")

    def _say(self, text: str) -> None:
        for line in text.split("\n"):
            self._console.print(safe(line, LONG), soft_wrap=True)

    def _problem(self, text: str) -> None:
        if self._as_json:
            print(json.dumps({"error": text}))
        else:
            self._say(text)
