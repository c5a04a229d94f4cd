"""Unpickling that makes nothing but what River's models consist of, as a pickle can run anything that it names."""

from __future__ import annotations

import io
import pickle
import random
import sys
import types
from collections.abc import Sequence
from typing import Any

from river.proba.base import Distribution

from aimass.errors import StateError

_RANDOM = "numpy.random"
_ALLOWED: dict[str, frozenset[str]] = {
    "builtins": frozenset(
        kind.__name__
        for kind in (bool, bytearray, bytes, complex, dict, float, frozenset, int, list, object, range, set, slice, str)
    )
    | {"tuple"},
    "collections": frozenset(("ChainMap", "Counter", "OrderedDict", "defaultdict", "deque")),
    "copyreg": frozenset(("_reconstructor",)),
    "datetime": frozenset(("date", "datetime", "time", "timedelta", "timezone")),
    "functools": frozenset(("partial",)),
    "math": frozenset(("exp", "inf", "log", "sqrt", "tanh")),
    "numpy": frozenset(("bool", "bool_", "dtype", "float32", "float64", "int32", "int64", "ndarray")),
    "numpy._core.multiarray": frozenset(("_reconstruct", "scalar")),
    "numpy._core.numeric": frozenset(("_frombuffer",)),
    "numpy.dtypes": frozenset(("Float32DType", "Float64DType", "Int32DType", "Int64DType")),
    f"{_RANDOM}._pickle": frozenset(("__bit_generator_ctor", "__generator_ctor", "__randomstate_ctor")),
    f"{_RANDOM}._generator": frozenset(("Generator",)),
    f"{_RANDOM}._mt19937": frozenset(("MT19937",)),
    f"{_RANDOM}._pcg64": frozenset(("PCG64",)),
    f"{_RANDOM}.bit_generator": frozenset(("SeedSequence", "__pyx_unpickle_SeedSequence")),
    f"{_RANDOM}.mtrand": frozenset(("RandomState",)),
    "random": frozenset(("Random",)),
}
_OUTSIDE = ("river.api", "river.datasets", "river.stream")  # they read files and the network


def dump_pickle(model: Any) -> bytes:
    """Return a model as bytes in which equal strings are one, so that it does not show which of them were."""
    file = io.BytesIO()
    _Pickler(file, protocol=5).dump(model)
    return file.getvalue()


def load_pickle(pickled: bytes, modules: Sequence[str] = ()) -> Any:
    """Return what `dump_pickle` wrote, if it is made of River's classes, numbers, containers and those of ``modules``.

    Raises
    ------
    StateError
        It names anything else, or is damaged: nothing that is not allowed was run or imported.

    Examples
    --------
    >>> load_pickle(pickle.dumps([1.5, {"a": 2}]))
    [1.5, {'a': 2}]
    >>> load_pickle(pickle.dumps(eval))
    Traceback (most recent call last):
        ...
    aimass.errors.StateError: a model's snapshot names builtins.eval, which no model consists of; rebuild it
    """
    try:
        return _Unpickler(io.BytesIO(pickled), tuple(modules)).load()
    except StateError:
        raise
    except Exception as exc:  # whatever damaged bytes lead to
        raise StateError(f"a model's snapshot is damaged: {exc!r}; rebuild it") from exc


class _Pickler(pickle.Pickler):
    def __init__(self, file: io.BytesIO, protocol: int) -> None:
        super().__init__(file, protocol)
        self._strings: dict[str, str] = {}
        self._unused = random.Random(0)

    def persistent_id(self, obj: Any) -> Any:
        return self._strings.setdefault(obj, obj) if type(obj) is str else None

    def reducer_override(self, obj: Any) -> Any:
        """Write the generators of River's distributions, seeded at random and never drawn from, as always the same."""
        if not isinstance(obj, Distribution) or getattr(obj, "seed", None) is not None:
            return NotImplemented
        reduced: Any = obj.__reduce_ex__(5)
        make, args, state, *rest = reduced
        if isinstance(state, dict) and "_rng" in state:
            state = {**state, "_rng": self._unused}
        return (make, args, state, *rest)


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, modules: tuple[str, ...]) -> None:
        super().__init__(file)
        self._modules = modules

    def persistent_load(self, pid: Any) -> Any:
        if type(pid) is not str:
            raise StateError("a model's snapshot is damaged: a reference to nothing; rebuild it")
        return sys.intern(pid)

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("builtins", "getattr"):  # how methods of objects are pickled
            return _method
        found = None
        if name in _ALLOWED.get(module, ()):
            found = super().find_class(module, name)
        elif module in self._modules:
            found = self._defined(module, name, module)
        elif module.startswith("river._river_rust") and "." not in name:
            found = super().find_class(module, name)
        elif module.startswith("river.") and not module.startswith(_OUTSIDE):
            found = self._defined(module, name, "river.")
        if found is None:
            raise StateError(f"a model's snapshot names {module}.{name}, which no model consists of; rebuild it")
        return found

    def _defined(self, module: str, name: str, within: str) -> Any:
        """Return a class or function that is defined there: not what a module happens to import."""
        first, *rest = name.split(".")
        found = super().find_class(module, first)
        for part in rest:
            if not _is_defined(found, within) or part.startswith("__"):
                return None
            found = getattr(found, part, None)
        return found if _is_defined(found, within) else None


def _is_defined(thing: Any, within: str) -> bool:
    return isinstance(thing, (type, types.FunctionType)) and thing.__module__.startswith(within)


def _method(thing: Any, name: str) -> Any:
    kind = thing if isinstance(thing, type) else type(thing)
    if not kind.__module__.startswith("river.") or name.startswith("__"):
        raise StateError(f"a model's snapshot asks for {name} of {kind.__name__}; rebuild it")
    return getattr(thing, name)
