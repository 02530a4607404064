"""Asking a service of `kgrec serve`, as one asks a `Recommender`."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from kgrec.data.vocabulary import as_id, id_list
from kgrec.errors import (
    ConfigError,
    DataError,
    ServiceError,
    UnknownIdError,
    check_kind,
    printable,
    warn,
)
from kgrec.explain.explanation import Contribution, Explanation, Node, Path, Relation
from kgrec.search.profiles import Profile, Topic
from kgrec.snapshot.listed import Recommendation

if TYPE_CHECKING:
    from kgrec.data.interactions import Interactions

_BATCH: Final = 500  # questions of one request
_TRIES: Final = 4  # of a request, if the service is busy


class Client:
    """A service of `kgrec serve`, with the methods of `Recommender`.

    Args:
        url: Where it is, such as `http://127.0.0.1:8000`.
        key: The API key; None: the service wants none.
        timeout: Seconds that an answer may take.

    Raises:
        DataError: The URL is none.
    """

    def __init__(self, url: str, key: str | None = None, *, timeout: float = 30.0) -> None:
        import urllib3

        check_kind("url", url, isinstance(url, str), "a text, such as 'http://127.0.0.1:8000'")
        if not url.startswith(("http://", "https://")):
            raise DataError(
                f"url must begin with http:// or https://, found {printable(url, 80)!r}."
            )
        self.url = url.rstrip("/")
        headers = {"Accept": "application/json"}
        if key is not None:
            headers["Authorization"] = f"Bearer {key}"
        # A busy service says when to come again. What is posted has a key, so it counts once.
        again = urllib3.Retry(
            total=_TRIES,
            status_forcelist=(429, 503),
            allowed_methods=None,
            backoff_factor=0.2,
            raise_on_status=False,
            redirect=False,
        )
        self._pool = urllib3.PoolManager(
            headers=headers, timeout=urllib3.Timeout(timeout), retries=again, maxsize=8
        )

    def recommend(
        self,
        user: str | int | None = None,
        k: int | None = None,
        *,
        liked: Iterable[str | int] = (),
        description: str | None = None,
        filter: str | None = None,
        candidates: Iterable[str | int] | None = None,
        exclude: Iterable[str | int] = (),
        include_disliked: bool = False,
        diversity: float = 0.0,
        popularity: float = 0.0,
        retrieve: int | None = None,
        towers: Iterable[str] | None = None,
    ) -> list[Recommendation]:
        """Return the k best items; see `Recommender.recommend` and `kgrec.RetrieveConfig`."""
        body = {
            "user": None if user is None else as_id(user, "user"),
            "k": k,
            "liked": id_list(liked, "liked"),
            "description": description,
            "filter": filter,
            "candidates": None if candidates is None else id_list(candidates, "candidates"),
            "exclude": id_list(exclude, "exclude"),
            "include_disliked": include_disliked,
            "diversity": diversity,
            "popularity": popularity,
            "retrieve": retrieve,
            "towers": None if towers is None else id_list(towers, "towers"),
        }
        return _listed(self._ask("POST", "/v1/recommendations", body))

    def recommend_all(
        self, k: int | None = None, *, users: Iterable[str | int] | None = None, **choice: Any
    ) -> dict[str, list[Recommendation]]:
        """Return the k best items of many users, by user.

        Args:
            k: As for `recommend`.
            users: Ids of known users; None: all of them.
            choice: Further arguments of `recommend`.
        """
        wanted = self.users() if users is None else id_list(users, "users")
        found = {}
        for first in range(0, len(wanted), _BATCH):
            part = wanted[first : first + _BATCH]
            requests = [{"user": user, "k": k, **choice} for user in part]
            told = self._ask("POST", "/v1/recommendations/batch", {"requests": requests})
            for user, answer in zip(part, told["answers"], strict=True):
                _raise_if_problem(answer)
                found[user] = _listed(answer)
        return found

    def similar_items(
        self, item: str | int, k: int | None = None, **choice: Any
    ) -> list[Recommendation]:
        """Return similar items; see `Recommender.similar_items`."""
        body = {"requests": [{"item": as_id(item, "item"), "k": k, **choice}]}
        (answer,) = self._ask("POST", "/v1/similar/batch", body)["answers"]
        _raise_if_problem(answer)
        return _listed(answer)

    def search(self, query: str, k: int | None = None, **choice: Any) -> list[Recommendation]:
        """Return what a text finds; see `Recommender.search`."""
        body = {"requests": [{"q": query, "k": k, **choice}]}
        (answer,) = self._ask("POST", "/v1/search/batch", body)["answers"]
        _raise_if_problem(answer)
        return _listed(answer)

    def converse(self, turns: Sequence[str], k: int | None = None, **choice: Any) -> dict[str, Any]:
        """Return the answer to the last of some turns: `items`, and what was `understood`.

        Args:
            turns: All that was said, in order.
            k: Number of items; None: five.
            choice: `shown`, `liked`, `disliked`, `user`, `filter`, `exclude`.
        """
        told = self._ask("POST", "/v1/conversation", {"turns": list(turns), "k": k, **choice})
        return {"items": _listed(told), "understood": told["understood"]}

    def explain(
        self,
        user: str | int | None,
        item: str | int,
        *,
        liked: Iterable[str | int] = (),
        k: int = 5,
        language: str | None = None,
        length: str | None = None,
        tone: str | None = None,
    ) -> Explanation:
        """Return why an item fits a user; see `Recommender.explain`. Rows of nodes are -1."""
        body = {
            "user": None if user is None else as_id(user, "user"),
            "item": as_id(item, "item"),
            "liked": id_list(liked, "liked"),
            "k": k,
            "language": language,
            "length": length,
            "tone": tone,
        }
        return _explanation(self._ask("POST", "/v1/explanations", body))

    def profile(self, user: str | int) -> Profile:
        """Return what a user likes in words; see `Recommender.profile`. Topics have no items."""
        told = self._ask("GET", f"/v1/users/{_quoted(user, 'user')}/profile")
        return Profile(
            tuple((one["name"], one["kind"], one["items"]) for one in told["entities"]),
            tuple(told["keywords"]),
            tuple(Topic(tuple(one["names"]), (), one["share"]) for one in told["topics"]),
            tuple(told["titles"]),
            told["text"],
        )

    def history(self, user: str | int) -> list[str]:
        """Return the ids of all items that a user is known to have."""
        told = self._ask("GET", f"/v1/users/{_quoted(user, 'user')}")
        return [one["item"] for one in told["history"]]

    def title(self, item: str | int) -> str:
        """Return the title of an item."""
        return str(self._ask("GET", f"/v1/items/{_quoted(item, 'item')}")["title"])

    def users(self) -> list[str]:
        """Return the ids of all users."""
        return [str(one) for one in self._pages("users")]

    def items(self) -> list[str]:
        """Return the ids of all items that are not withdrawn."""
        return [str(one["item"]) for one in self._pages("items")]

    def update(
        self,
        *,
        interactions: Interactions | Iterable[Mapping[str, Any]] = (),
        items: Mapping[str, Mapping[str, Any]] | Iterable[str | int] = (),
        users: Mapping[str, Mapping[str, Any]] | Iterable[str | int] = (),
        remove_items: Iterable[str | int] = (),
        remove_users: Iterable[str | int] = (),
    ) -> None:
        """Bring data to the service: it counts when this returns; see `Recommender.update`.

        Args:
            interactions: A log, or mappings of `user`, `item` and perhaps `liked`, `rating` and
                `timestamp`.
            items: Ids, or what is known of each item: `title`, `attributes`, `entity`.
            users: Ids, or what is known of each user: `attributes`, `consent`.
            remove_items: Ids of items to withdraw.
            remove_users: Ids of users to erase.
        """
        for kind, given in (("items", items), ("users", users)):
            if isinstance(given, Mapping):
                told: Mapping[str, Any] = given
            else:
                told = {id: {} for id in id_list(given, kind)}
            for id, body in told.items():
                self._ask("PUT", f"/v1/{kind}/{_quoted(id, kind)}?wait=true", dict(body))
        rows = _rows(interactions)
        for first in range(0, len(rows), _BATCH):
            body = {"interactions": rows[first : first + _BATCH]}
            self._ask("POST", "/v1/interactions?wait=true", body)
        for kind, gone in (("items", remove_items), ("users", remove_users)):
            for id in id_list(gone, f"remove_{kind}"):
                self._ask("DELETE", f"/v1/{kind}/{_quoted(id, kind)}")

    def _pages(self, kind: str) -> list[Any]:
        found: list[Any] = []
        after = ""
        while True:
            more = f"&after={quote(after, safe='')}" if after else ""
            page = self._ask("GET", f"/v1/{kind}?limit=200{more}")
            found += page[kind]
            if page["next"] is None:
                return found
            after = page["next"]

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        """Return the JSON that a route answers.

        Raises:
            UnknownIdError: Something is unknown there.
            DataError: The request is not as the service expects it.
            ServiceError: The service cannot be reached, refuses, or is busy.
        """
        import urllib3

        where = printable(self.url)
        headers = dict(self._pool.headers)
        content = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            content = json.dumps(body).encode()
        if path.startswith("/v1/interactions"):
            headers["Idempotency-Key"] = uuid.uuid4().hex
        try:
            answer = self._pool.request(method, self.url + path, body=content, headers=headers)
            told = json.loads(answer.data)
        except urllib3.exceptions.HTTPError as error:
            reason = printable(str(getattr(error, "reason", None) or error), 300)
            raise ServiceError(f"The service {where} cannot be reached: {reason}.") from error
        except ValueError as error:
            raise ServiceError(
                f"{where} answers {answer.status}, and not as kgrec does."
            ) from error
        if answer.status >= 400:
            _raise_if_problem({"status": answer.status, **told})
        if isinstance(told, Mapping):
            for message in told.get("warnings", ()):
                warn(str(message))
        return told


def _raise_if_problem(answer: Mapping[str, Any]) -> None:
    if "status" not in answer or "detail" not in answer:
        return
    kind, detail = str(answer.get("type", "")).rpartition(":")[2], str(answer["detail"])
    if kind == "unknown-id":
        raise UnknownIdError(detail)
    if kind in ("not-as-expected", "not-json", "too-large", "key-reused"):
        raise DataError(detail)
    if kind in ("no-key", "scope", "read-only"):
        raise ConfigError(detail)
    raise ServiceError(f"The service answers {answer['status']}: {detail}")


def _quoted(id: str | int, name: str) -> str:
    # A dot alone would be taken for a step in the path.
    return quote(as_id(id, name), safe="").replace(".", "%2E")


def _listed(told: Mapping[str, Any]) -> list[Recommendation]:
    return [
        Recommendation(one["item"], one["title"], one["score"], one.get("confidence"))
        for one in told["items"]
    ]


def _rows(given: Interactions | Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    from kgrec.data.interactions import Interactions

    if not isinstance(given, Interactions):
        return [dict(one) for one in given]
    rows = []
    for log, liked in ((given, True), (given.dislikes, False)):
        if log is None:
            continue
        pairs = zip(log.users.take(log.user), log.items.take(log.item), strict=True)
        for place, (user, item) in enumerate(pairs):
            row: dict[str, Any] = {"user": user, "item": item, "liked": liked}
            if log.rating is not None:
                row["rating"] = float(log.rating[place])
            if log.timestamp is not None:
                row["timestamp"] = int(log.timestamp[place])
            rows.append(row)
    return rows


def _explanation(told: Mapping[str, Any]) -> Explanation:
    def node(one: Mapping[str, str]) -> Node:
        return Node(one["type"], -1, one["id"], one["label"])

    paths = tuple(
        Path(
            kind=one["kind"],
            nodes=tuple(node(each) for each in one["nodes"]),
            relations=tuple(Relation(**each) for each in one["relations"]),
            score=one["score"],
            num_users=one["num_users"],
            num_audience=one["num_audience"],
            share=one["share"],
            through=one["through"],
        )
        for one in told["paths"]
    )
    counts = tuple(
        Contribution(node(one["item"]), one["value"], one["share"]) for one in told["contributions"]
    )
    return Explanation(
        node(told["user"]),
        node(told["item"]),
        paths,
        told["sentence"],
        told["basis"],
        told["score"],
        counts,
        told["base"],
        told["towers"],
        tuple(told["words"]),
    )
