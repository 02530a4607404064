"""A GPU that is not there: tensors of the CPU that count as lying on it.

Within `elsewhere()`, the device "cuda" works without a GPU. What is made there, moved there or
computed from such tensors counts as lying there: its `device` says so, `numpy()` refuses it, and
an operation that mixes it with a tensor of the CPU fails, as on a GPU. (Tensors without dimensions
may mix there too; indices of the CPU may on a GPU, at the price of a copy, and may not here.)
The CPU computes it all, so that figures are those that it finds.
"""

from __future__ import annotations

from contextlib import contextmanager
from unittest import mock

import torch
from torch.multiprocessing.reductions import StorageWeakRef
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter

CPU, GPU = torch.device("cpu"), torch.device("cuda", 0)
_MAY_MIX = {"aten::copy_", "aten::_to_copy"}  # copies from one device to another


@contextmanager
def elsewhere():
    """Have a device "cuda" on which tensors count as lying.

    Yields:
        A function that says whether a tensor does.
    """
    there = _Storages()
    with mock.patch("torch.Generator", _Generator), _Spread(there), _Pretend(there):
        yield there.__contains__


class _Storages:
    """What counts as the GPU's memory; weak references keep addresses from being used again."""

    def __init__(self):
        self._known = {}

    def __contains__(self, tensor):
        return tensor.untyped_storage()._cdata in self._known

    def put(self, tree, gpu=True):
        for tensor in _tensors(tree):
            storage = tensor.untyped_storage()
            if gpu:
                self._known[storage._cdata] = StorageWeakRef(storage)
            else:
                self._known.pop(storage._cdata, None)


class _Generator(torch.Generator):
    def __new__(cls, device="cpu"):
        made = super().__new__(cls)
        made.where = torch.device(device)
        return made

    def __init__(self, device="cpu"):
        pass

    @property
    def device(self):
        return self.where


class _Spread(TorchDispatchMode):
    """Every operation: what comes of the GPU's tensors is there.

    What a backward pass makes from nothing is there too: autograd itself knows the device that it
    belongs on, and this does not.
    """

    def __init__(self, there):
        super().__init__()
        self.there = there

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        given = _tensors((args, kwargs))
        far = [tensor in self.there for tensor in given]
        near = [t for t, is_far in zip(given, far, strict=True) if not is_far and t.dim()]
        mixes = func.name().split(".")[0] in _MAY_MIX
        if any(far) and near and not mixes:
            where = [(tuple(t.shape), "gpu" if g else "cpu") for t, g in zip(given, far)]  # noqa: B905
            raise RuntimeError(f"{func.name()} mixes tensors of two devices: {where}")
        made = func(*args, **(kwargs or {}))
        from_nothing = not given and torch._C._current_graph_task_id() >= 0
        if from_nothing or (any(far) and (far[0] or not mixes)):
            self.there.put(made)
        return made


class _Pretend(TorchFunctionMode):
    """Every call of Python that names a device, or asks for one."""

    def __init__(self, there):
        super().__init__()
        self.there = there

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        first, name = args[0] if args else None, getattr(func, "__name__", "")
        far = isinstance(first, torch.Tensor) and first in self.there
        if func == torch.Tensor.device.__get__:
            return GPU if far else CPU
        if name in ("numpy", "__array__") and far:
            raise TypeError("can't convert cuda:0 device type tensor to numpy")
        if name in ("to", "cpu") and isinstance(first, torch.Tensor):
            return self._moved(first, ["cpu"] if name == "cpu" else [*args[1:], *kwargs.values()])
        source = kwargs.get("generator")
        device = torch.device(kwargs.get("device") or (GPU if far else CPU))
        if source is not None and source.device.type != device.type:
            raise RuntimeError(f"Expected a {device.type!r} generator, found {source.device}")
        if "device" not in kwargs:
            return func(*args, **kwargs)
        made = func(*args, **{**kwargs, "device": CPU})
        if device.type == GPU.type:
            self.there.put(made)
        return made

    def _moved(self, tensor, options):
        for dtype in (option for option in options if isinstance(option, torch.dtype)):
            tensor = tensor.to(dtype)
        for device in (option for option in options if isinstance(option, torch.device | str)):
            gpu = torch.device(device).type == GPU.type
            if gpu != (tensor in self.there):
                tensor = tensor.clone()
                self.there.put(tensor, gpu)
        return tensor


def _tensors(tree):
    return [part for part in tree_iter(tree) if isinstance(part, torch.Tensor)]
