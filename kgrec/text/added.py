"""What is added to a language model and cannot be merged into its weights.

A bottleneck has an activation inside, and a prefix adds keys and values, so no plain model of
transformers computes the same. Both are kept in a file of their own beside the plain weights:
`TextModule.load` reads it, other libraries do not and compute the plain model's vectors.

They are a child of the model, so they move with it; hooks apply them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor, nn

from kgrec.errors import ConfigError, KgrecError, printable
from kgrec.outputs.tensors import load_tensors, save_tensors
from kgrec.settings import make_settings
from kgrec.text.layer_parts import Part, part_of
from kgrec.text.tuning.layers import layers_of
from kgrec.text.tuning.regimes import AdapterConfig, PrefixConfig

FILE: Final = "kgrec_adapter.safetensors"
CHILD: Final = "added_by_kgrec"
"""The child's name; its parameters are named `added_by_kgrec.layers.PLACE.…`."""
_MARK: Final = "kgrec_adapter"
_NOTE: Final = (
    "kgrec applies this file to the model beside it. Other libraries do not read it: with them, "
    "the folder is the model as it was before the training."
)
_KINDS: Final = {"adapter": AdapterConfig, "prefix": PrefixConfig}
_ACTIVATIONS: Final[dict[str, type[nn.Module]]] = {"gelu": nn.GELU, "relu": nn.ReLU}


class Added(nn.Module):
    """Parameters by layer.

    Args:
        config: Their settings.
        layers: The parameters of each layer that has some, by the layer's place.

    Attributes:
        config: As above.
        layers: As above.
    """

    def __init__(
        self, config: AdapterConfig | PrefixConfig, layers: Mapping[int, nn.Module]
    ) -> None:
        super().__init__()
        self.config = config
        self.layers = nn.ModuleDict({str(place): layer for place, layer in layers.items()})


class Bottleneck(nn.Module):
    """Adds `up(act(down(x)))` to x; it begins as the identity (Houlsby et al., ICML 2019).

    Args:
        width: Length of x.
        dim: Length inside.
        activation: "gelu" or "relu".
    """

    def __init__(self, width: int, dim: int, activation: str) -> None:
        super().__init__()
        self.down, self.up = nn.Linear(width, dim), nn.Linear(dim, width)
        self._activate = _ACTIVATIONS[activation]()
        nn.init.normal_(self.down.weight, std=width**-0.5)
        for zero in (self.down.bias, self.up.weight, self.up.bias):
            nn.init.zeros_(zero)

    def hook(self, _: nn.Module, __: Any, output: Tensor) -> Tensor:
        """Change the output of the module that it is registered at."""
        more: Tensor = self.up(self._activate(self.down(output)))
        return output + more


class _Keys(nn.Module):
    """The keys and values that a prefix adds in one layer, float32 (heads, n, head's dim) each."""

    def __init__(self, keys: Tensor, values: Tensor) -> None:
        super().__init__()
        # Rows one after another, as in a file: so a resumed training adds up in the same order.
        self.keys = nn.Parameter(keys.clone(memory_format=torch.contiguous_format))
        self.values = nn.Parameter(values.clone(memory_format=torch.contiguous_format))


class _Cache:
    """Stands for the cache of a decoder, of which attention asks for more keys and values.

    Its length counts as 0, so texts keep the positions that they have without it.
    """

    is_compileable = False

    def __init__(self, layers: Mapping[int, _Keys]) -> None:
        self._layers = layers
        self.seen: dict[int, tuple[Tensor, Tensor]] = {}

    def get_seq_length(self, *_: Any) -> int:
        return 0

    def update(self, keys: Tensor, values: Tensor, layer: int, *_: Any) -> tuple[Tensor, Tensor]:
        """Return keys and values, of shape (n, heads, length, dim), with more before them."""
        self.seen[layer] = keys, values
        own = self._layers.get(layer)
        if own is None:
            return keys, values
        return _joined(own.keys, keys), _joined(own.values, values)


def _joined(own: Tensor, given: Tensor) -> Tensor:
    return torch.cat([own.to(given.dtype).expand(len(given), -1, -1, -1), given], dim=2)


class _PrefixHook:
    """Gives a model the prefix, and a mask that lets every token see it."""

    def __init__(self, added: Added, count: int, *, shown: bool = True) -> None:
        self._added, self._count, self._shown = added, count, shown

    def __call__(self, model: Any, args: Any, given: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        ids, mask = given["input_ids"], given.get("attention_mask")
        mask = torch.ones_like(ids) if mask is None else mask
        first = mask.new_full((len(ids), self._count), int(self._shown))
        allowed = torch.cat([first, mask], dim=1).bool()[:, None, None]
        allowed = allowed.expand(-1, 1, ids.shape[1], -1)
        if model.config._attn_implementation != "sdpa":  # eager attention adds the mask
            low = torch.finfo(model.dtype).min
            allowed = torch.zeros_like(allowed, dtype=model.dtype).masked_fill(~allowed, low)
        layers = {int(place): layer for place, layer in self._added.layers.items()}
        more = {"attention_mask": allowed, "past_key_values": _Cache(layers)}  # type: ignore[arg-type]
        return args, {**given, **more}


def added_to(model: nn.Module) -> Added | None:
    """Return what was added to a model; None: nothing."""
    found = getattr(model, CHILD, None)
    return found if isinstance(found, Added) else None


def add(model: Any, config: AdapterConfig | PrefixConfig) -> Added:
    """Add new parameters to a model, which draw from torch's state.

    Args:
        model: A model of transformers; it is changed.
        config: What is added.

    Raises:
        ConfigError: That is not possible for the model, or something was added already.
    """
    if added_to(model) is not None:
        raise ConfigError(
            f"text.tuning.regime: the model has been tuned as `{added_to(model).config.name}` "  # type: ignore[union-attr]
            f"already, and `{config.name}` cannot come on top. Begin with the plain model."
        )
    if isinstance(config, AdapterConfig):
        added = _add_bottlenecks(model, config)
    else:
        added = _add_prefix(model, config)
    setattr(model.config, _MARK, config.name)
    return added


def _add_bottlenecks(model: Any, config: AdapterConfig) -> Added:
    parts: list[Part] = ["feed_forward_output"]
    if config.places == "both":
        parts.insert(0, "attention_output")
    made: dict[int, nn.Module] = {}
    hooked = []
    for place, layer in enumerate(layers_of(model)):
        sizes = model.config.hidden_size, config.dim
        own: dict[str, Bottleneck] = {p: Bottleneck(*sizes, config.activation) for p in parts}
        hooked += [(layer.get_submodule(part_of(layer, p, "adapter")), own[p]) for p in parts]
        made[place] = nn.ModuleDict(dict(own))
    added = Added(config, made)
    model.add_module(CHILD, added.to(model.device))
    for where, bottleneck in hooked:
        where.register_forward_hook(bottleneck.hook)
    return added


def _add_prefix(model: Any, config: PrefixConfig) -> Added:
    """Add keys and values, which begin as those of random tokens (Li and Liang, ACL 2021)."""
    where = f"a model of type {printable(str(model.config.model_type), 40)!r}"
    no = f"text.tuning.regime: `prefix` is not possible for {where}: "
    most = getattr(model.config, "max_position_embeddings", None)
    if isinstance(most, int) and config.length >= most:
        raise ConfigError(
            f"text.tuning.regime.length: expected less than the {most} places of the model, found "
            f"{config.length}."
        )
    if model.config._attn_implementation not in ("sdpa", "eager"):
        raise ConfigError(f"{no}its attention is not that of PyTorch.")
    ids = torch.randint(model.config.vocab_size, (1, config.length), device=model.device)
    recorder = _Cache({})
    try:
        with torch.no_grad():
            plain = model(input_ids=ids, past_key_values=recorder).last_hidden_state
        made: dict[int, nn.Module] = {
            place: _Keys(keys[0], values[0])
            for place, (keys, values) in sorted(recorder.seen.items())
        }
        if len(made) != len(layers_of(model)) or getattr(model.config, "is_decoder", False):
            raise ValueError("not all of its layers take keys and values")
        added = Added(config, made)
        # Hidden from all tokens, it must change nothing: so the mask is used as it is meant.
        hidden = model.register_forward_pre_hook(
            _PrefixHook(added, config.length, shown=False), with_kwargs=True
        )
        with torch.no_grad():
            unseen = model(input_ids=ids).last_hidden_state
        hidden.remove()
        if not torch.allclose(plain, unseen, atol=1e-4):
            raise ValueError("its attention does not follow a mask over more keys than tokens")
    except (TypeError, ValueError, AttributeError, RuntimeError, IndexError) as error:
        reason = printable(str(error), 200)
        raise ConfigError(
            f"{no}its attention has no place for more keys and values ({reason}). It is for "
            "encoders such as BERT and RoBERTa; choose `adapter` or `lora`."
        ) from error
    model.add_module(CHILD, added)
    model.register_forward_pre_hook(_PrefixHook(added, config.length), with_kwargs=True)
    return added


@contextmanager
def without_added(model: nn.Module) -> Iterator[None]:
    """Within this context, a model's parameters are the plain ones; it still computes the same."""
    found = model._modules.pop(CHILD, None)
    try:
        yield
    finally:
        if found is not None:
            model.add_module(CHILD, found)


def write_added(folder: Path, model: nn.Module) -> None:
    """Write what was added to a model, if anything, into its folder.

    Raises:
        RunError: The file cannot be written.
    """
    added = added_to(model)
    if added is not None:
        tensors = {name: value.detach().float().cpu() for name, value in added.named_parameters()}
        about = {"settings": added.config.model_dump(mode="json"), "note": _NOTE}
        save_tensors(folder / FILE, tensors, about)


def read_added(folder: Path, model: Any) -> None:
    """Add to a model what its folder has for it.

    Args:
        folder: The folder; without the file, nothing is added.
        model: Its model, which is changed.

    Raises:
        ConfigError: The file is missing, damaged, or of another model.
    """
    path, kind = folder / FILE, getattr(model.config, _MARK, None)
    where = printable(str(path))
    if not path.exists() and kind is None:
        return
    if not path.exists():
        raise ConfigError(f"{where} is missing: the model beside it was trained with it.")
    if kind not in _KINDS:
        raise ConfigError(
            f"{where} is of another model than the config.json beside it, which should name it as "
            f"{_MARK!r}, one of {', '.join(_KINDS)}; found {printable(repr(kind), 60)}."
        )
    try:
        tensors, about = load_tensors(path)
        config: Any = make_settings(_KINDS[kind], about.get("settings"), where)
        _check(tensors, config, where)
        with torch.random.fork_rng():
            added = add(model, config)
        own = dict(added.named_parameters())
        expected = {name: tuple(value.shape) for name, value in own.items()}
        found = {name: tuple(value.shape) for name, value in tensors.items()}
        if found != expected:
            raise ConfigError(f"{where} is of another model: its tensors have other shapes.")
        with torch.no_grad():
            for name, value in tensors.items():
                own[name].copy_(value)
    except ConfigError:
        raise
    except (KgrecError, TypeError) as error:
        raise ConfigError(f"{where} cannot be read: {error}") from error
    added.eval()


def _check(tensors: Mapping[str, Tensor], config: Any, where: str) -> None:
    """Check that the numbers are some, and that the settings ask for no more than there are."""
    sizes = {
        value.shape[0] if config.name == "adapter" else value.shape[1]
        for name, value in tensors.items()
        if name.endswith((".down.weight", ".keys")) and value.ndim > 1
    }
    if sizes != {config.dim if config.name == "adapter" else config.length}:
        raise ConfigError(f"{where} is damaged: its settings are not those of its tensors.")
    if not all(value.is_floating_point() and value.isfinite().all() for value in tensors.values()):
        raise ConfigError(f"{where} has weights that are not numbers.")
