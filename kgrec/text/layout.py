"""What a sentence-transformers folder says about the way from hidden states to a vector.

`modules.json` lists the modules: the language model, its pooling, and then dense layers and
normalisations, each with a folder of its own. `config_sentence_transformers.json` has the prompts.
All of it is read here, without loading a model; what kgrec does not do is refused, because leaving
it out would give other vectors than the model's.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any, Final

from kgrec.bounds.json_text import read_json
from kgrec.errors import ConfigError, did_you_mean, printable
from kgrec.files import system_reason
from kgrec.text.dense_files import DenseFiles

POOLINGS: Final = (
    "cls", "max", "mean", "mean_sqrt_len_tokens", "weightedmean", "lasttoken",
)  # fmt: skip
"""The poolings of sentence-transformers; several are put one after the other, in this order."""

NORMALIZE: Final = "normalize"
"""The step that scales a vector to length 1."""

_FLAGS: Final = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}
_MOST_JSON: Final = 1 << 24  # bytes
_OF_DOCUMENTS: Final = ("document", "passage", "corpus")
_TRANSFORMER_FILES: Final = tuple(
    f"sentence_{kind}_config.json"
    for kind in ("bert", "roberta", "distilbert", "camembert", "albert", "xlm-roberta", "xlnet")
)
_HARMLESS: Final = frozenset((  # they change speed, or only where padding is
    "add_pooling_layer", "attn_implementation", "device_map", "dtype", "low_cpu_mem_usage",
    "model_max_length", "padding_side", "torch_dtype", "trust_remote_code", "unpad_inputs",
    "use_safetensors",
))  # fmt: skip


@dataclass(frozen=True)
class Pooling:
    """How the hidden states of a text's tokens become one vector.

    Attributes:
        modes: One or more of `POOLINGS`; their vectors are put one after the other.
        include_prompt: Whether the tokens of the prompt are pooled, too.
    """

    modes: tuple[str, ...] = ("mean",)
    include_prompt: bool = True

    def config(self, dim: int) -> dict[str, Any]:
        """Return the `config.json` of sentence-transformers for hidden states of `dim` numbers."""
        modes: dict[str, Any] = {flag: mode in self.modes for flag, mode in _FLAGS.items()}
        if list(self.modes) != [mode for mode in POOLINGS if mode in self.modes]:
            modes = {"pooling_mode": list(self.modes)}
        return {"word_embedding_dimension": dim, **modes, "include_prompt": self.include_prompt}


@dataclass(frozen=True)
class Prompts:
    """What is put before each text.

    Attributes:
        named: Prompts by name, such as "query" and "document".
        default: The name of the prompt of texts for which there is none of their kind.
    """

    named: Mapping[str, str] = field(default_factory=dict)
    default: str | None = None

    @property
    def query(self) -> str:
        """The prompt of queries: the one of that name, or the default one of all texts."""
        return self.named.get("query") or self._default(_OF_DOCUMENTS)

    @property
    def document(self) -> str:
        """The prompt of documents: "document", "passage" or "corpus", or the default one."""
        found = (self.named[name] for name in _OF_DOCUMENTS if self.named.get(name))
        return next(found, "") or self._default(("query",))

    def _default(self, of_others: tuple[str, ...]) -> str:
        if self.default is None or self.default in of_others:
            return ""
        return self.named.get(self.default, "")

    def changed(self, query: str | None, document: str | None) -> Prompts:
        """Return them with another prompt of queries or documents; None: the same as here."""
        if query is None and document is None:
            return self
        rest = {k: v for k, v in self.named.items() if k not in ("query", *_OF_DOCUMENTS)}
        query = self.query if query is None else query
        document = self.document if document is None else document
        return Prompts({**rest, "query": query, "document": document})


@dataclass(frozen=True)
class Layout:
    """All that comes before and after the language model.

    A folder without `modules.json` is a plain model of transformers: its vectors are the mean of
    the hidden states, without prompts.

    Attributes:
        pooling: The pooling.
        steps: What follows, in order: dense layers, and `NORMALIZE` between them. A normalisation
            at the end is not in it; see `normalize`.
        normalize: Whether the folder asks for vectors of length 1.
        prompts: The prompts.
        lower_case: Whether texts are lower-cased before they are tokenized.
        max_length: Most tokens of a text; None: the tokenizer says it.
    """

    pooling: Pooling = Pooling()
    steps: tuple[DenseFiles | str, ...] = ()
    normalize: bool = True
    prompts: Prompts = Prompts()
    lower_case: bool = False
    max_length: int | None = None

    def dim(self, hidden: int) -> int:
        """Return the length of a vector, for hidden states of `hidden` numbers."""
        dense = [step for step in self.steps if isinstance(step, DenseFiles)]
        return dense[-1].outputs if dense else hidden * len(self.pooling.modes)

    def with_prompts(self, query: str | None, document: str | None) -> Layout:
        """Return it with other prompts; see `Prompts.changed`."""
        return replace(self, prompts=self.prompts.changed(query, document))

    def fingerprint(self) -> dict[str, Any]:
        """Return what identifies the vectors, as JSON, without the normalisation at the end.

        It is the same for all folders that give the same vectors. The mean without anything else
        is `{"pooling": "mean"}`.
        """
        found: dict[str, Any] = {"pooling": "+".join(self.pooling.modes)}
        prompts = [self.prompts.document, self.prompts.query]
        if any(prompts):
            found |= {"prompts": prompts, "include_prompt": self.pooling.include_prompt}
        if self.steps:
            found["steps"] = [
                step.fingerprint() if isinstance(step, DenseFiles) else step for step in self.steps
            ]
        return found | ({"lower_case": True} if self.lower_case else {})


def transformer_folder(root: Path) -> Path:
    """Return where the language model of a folder is: `root` itself, or a folder in it.

    Raises:
        ConfigError: `modules.json` cannot be read, or names a folder elsewhere.
    """
    modules = _modules(root)
    return root if modules is None else _inside(root, modules[0]["path"])


def read_layout(root: Path, hidden: int) -> Layout:
    """Return what a folder says.

    Args:
        root: The folder with `modules.json`, if there is one.
        hidden: Length of the language model's hidden states.

    Raises:
        ConfigError: It asks for something that kgrec does not do, or a file is damaged or missing.
    """
    modules = _modules(root)
    if modules is None:
        return Layout(max_length=_transformer(root)[1])
    _check_kind(root)
    kinds = [_kind(root, module["type"]) for module in modules]
    where = printable(str(root / "modules.json"))
    if kinds[:2] != ["Transformer", "Pooling"] or not set(kinds[2:]) <= {"Dense", "Normalize"}:
        raise ConfigError(
            f"{where}: expected the modules Transformer, Pooling, and then Dense and Normalize in "
            f"any number, found {', '.join(kinds)}. kgrec does not compute other models."
        )
    folders = [_inside(root, module["path"]) for module in modules]
    pooling = _pooling(folders[1], hidden)
    steps: list[DenseFiles | str] = []
    width = hidden * len(pooling.modes)
    for kind, folder in zip(kinds[2:], folders[2:], strict=True):
        if kind == "Normalize":
            _check_names(folder, _read(folder / "config.json") if folder != root else {})
            steps.append(NORMALIZE)
            continue
        config = _read(folder / "config.json", needed=True)
        _check_names(folder, config)
        dense = DenseFiles.of(folder, config, width)
        width = dense.outputs
        steps.append(dense)
    normalize = bool(steps) and steps[-1] == NORMALIZE
    while steps and steps[-1] == NORMALIZE:
        steps.pop()
    lower_case, max_length = _transformer(folders[0])
    return Layout(pooling, tuple(steps), normalize, _prompts(root), lower_case, max_length)


def _modules(root: Path) -> list[dict[str, str]] | None:
    path = root / "modules.json"
    try:
        value = read_json(path, _MOST_JSON)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error
    good = isinstance(value, list) and all(
        isinstance(entry, dict)
        and isinstance(entry.get("type"), str)
        and isinstance(entry.get("path"), str)
        for entry in value
    )
    if not good or not value:
        raise ConfigError(
            f"{printable(str(path))}: expected a list of modules with 'type' and 'path'."
        )
    return [{key: entry[key] for key in ("type", "path")} for entry in value]


def _kind(root: Path, named: str) -> str:
    """Return the class of a module, of sentence-transformers."""
    if not named.startswith("sentence_transformers."):
        raise ConfigError(
            f"{printable(str(root / 'modules.json'))}: the module {printable(named, 100)!r} is "
            "code of the model's own, which kgrec does not run. Choose a model with modules "
            "of sentence_transformers."
        )
    return printable(named.rsplit(".", 1)[1], 100)


def _check_kind(root: Path) -> None:
    path = root / "config_sentence_transformers.json"
    kind = _read(path).get("model_type", "SentenceTransformer")
    if kind != "SentenceTransformer":
        raise ConfigError(
            f"{printable(str(path))}: expected a model of type 'SentenceTransformer', which gives "
            f"one vector for a text, found {printable(str(kind), 100)!r}."
        )


def _inside(root: Path, path: str) -> Path:
    relative = PurePosixPath(path)
    if relative.is_absolute() or ".." in relative.parts or "\\" in path or "\0" in path:
        raise ConfigError(
            f"{printable(str(root / 'modules.json'))}: the path {printable(path, 100)!r} of a "
            "module is not inside the folder."
        )
    return root / relative


def _pooling(folder: Path, hidden: int) -> Pooling:
    path = folder / "config.json"
    where = printable(str(path))
    config = _read(path, needed=True)
    width = config.get("word_embedding_dimension", config.get("embedding_dimension", hidden))
    if width != hidden:
        raise ConfigError(
            f"{where}: expected hidden states of {hidden} numbers, as the language model has, "
            f"found {printable(repr(width), 40)}."
        )
    given = config.get("pooling_mode")
    if given is None:
        modes = [mode for flag, mode in _FLAGS.items() if config.get(flag) is True] or ["mean"]
    else:
        modes = [given] if isinstance(given, str) else given
    if not isinstance(modes, list) or not modes or len(set(map(str, modes))) != len(modes):
        raise ConfigError(f"{where}: expected different modes of pooling, found {given!r}.")
    for mode in modes:
        if mode not in POOLINGS:
            raise ConfigError(
                f"{where}: unknown pooling {printable(str(mode), 40)!r}."
                + did_you_mean(str(mode), POOLINGS)
            )
    return Pooling(tuple(modes), config.get("include_prompt", True) is not False)


def _check_names(folder: Path, config: Mapping[str, Any]) -> None:
    """Refuse a module that works on something else than the vector of the text."""
    for key in ("module_input_name", "module_output_name"):
        name = config.get(key)
        if name not in (None, "sentence_embedding"):
            raise ConfigError(
                f"{printable(str(folder / 'config.json'))}: expected {key} 'sentence_embedding', "
                f"found {printable(str(name), 100)!r}. kgrec does not compute such models."
            )


def _prompts(root: Path) -> Prompts:
    path = root / "config_sentence_transformers.json"
    config = _read(path)
    named, default = config.get("prompts") or {}, config.get("default_prompt_name")
    texts = isinstance(named, dict) and all(isinstance(v, str | None) for v in named.values())
    if not texts or not isinstance(default, str | None):
        raise ConfigError(
            f"{printable(str(path))}: expected 'prompts' as a mapping of names to texts, and "
            "'default_prompt_name' as one of the names."
        )
    named = {name: text for name, text in named.items() if text is not None}
    if default is not None and default not in named:
        raise ConfigError(
            f"{printable(str(path))}: default_prompt_name is {printable(default, 100)!r}, but "
            f"there are no prompts of that name.{did_you_mean(default, list(named))}"
        )
    return Prompts(named, default)


def _transformer(folder: Path) -> tuple[bool, int | None]:
    """Return whether texts are lower-cased, and the most tokens."""
    path = next((folder / n for n in _TRANSFORMER_FILES if (folder / n).exists()), None)
    config = {} if path is None else _read(path)
    where = "" if path is None else printable(str(path))

    def refuse(key: str) -> ConfigError:
        value = printable(json.dumps(config[key]), 200)
        return ConfigError(f"{where}: kgrec does not compute models with {key} = {value}.")

    usual: dict[str, Callable[[Any], bool]] = {
        "transformer_task": lambda v: v == "feature-extraction",
        "module_output_name": lambda v: v == "token_embeddings",
        "modality_config": _is_plain_text,
        "processing_kwargs": lambda v: not any(v.values()) if isinstance(v, dict) else False,
        "query_length": lambda _: False,
        "document_length": lambda _: False,
        "query_expansion": lambda _: False,
    }
    for kind in ("model", "tokenizer", "processor", "config"):
        for ending in ("args", "kwargs"):
            usual[f"{kind}_{ending}"] = lambda v: isinstance(v, dict) and set(v) <= _HARMLESS
    for key, good in usual.items():
        if config.get(key) is not None and not good(config[key]):
            raise refuse(key)
    length = config.get("max_seq_length")
    if length is not None and (not isinstance(length, int) or isinstance(length, bool)):
        raise ConfigError(
            f"{where}: expected a number of tokens as max_seq_length, found "
            f"{printable(repr(length), 40)}."
        )
    return config.get("do_lower_case") is True, length


def _is_plain_text(value: Any) -> bool:
    text = value.get("text") if isinstance(value, dict) else None
    return text == {"method": "forward", "method_output_name": "last_hidden_state"}


def _read(path: Path, *, needed: bool = False) -> dict[str, Any]:
    try:
        value = read_json(path, _MOST_JSON)
    except FileNotFoundError as error:
        if needed:
            raise ConfigError(
                f"{printable(str(path))} is missing: modules.json names the folder of this module."
            ) from error
        return {}
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error
    if not isinstance(value, dict):
        raise ConfigError(f"{printable(str(path))}: expected a JSON object.")
    return value


def _unreadable(path: Path, error: Exception) -> ConfigError:
    return ConfigError(f"{printable(str(path))} cannot be read as JSON: {system_reason(error)}.")
