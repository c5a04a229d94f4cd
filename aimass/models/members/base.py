"""What every learner over rows of numbers does, and how the array ones are written down."""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from typing import Any, ClassVar, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from aimass.errors import SnapshotVersionMismatch, StateError
from aimass.models.kernel import Bools, Floats

_MAGIC = b"AMM"
_HEAD = struct.Struct("<3sBHHI")  # magic, the codec's version, the kind's version, length of its name, of its settings
_CODEC = 1
_DTYPES = (np.dtype("<f8"), np.dtype("<i8"), np.dtype("<f4"), np.dtype("<i4"), np.dtype("u1"))
_MOST = 1 << 30  # bytes of one array: what is larger was not written by this module

A = TypeVar("A", bound="ArrayMember")


class Member(Protocol):
    """A learner over dense rows; an exact automaton: the same state and inputs give the same bits.

    Attributes
    ----------
    cost_us
        Nominal CPU of one event, predicted and learned, in µs: what budgets count, as no clock may be read.
    """

    @property
    def cost_us(self) -> float: ...

    def run(self, x: Floats, y: Floats, learn: Bools) -> Floats:
        """Predict every row and, where ``learn``, learn it; in order, one after the other.

        A row that is not learned leaves no trace.

        Parameters
        ----------
        x
            Events × width; NaN where an event lacks a feature.
        y
            Class indices or numbers; NaN where there is no label.
        learn
            Which events to learn once predicted (those without label never are).

        Returns
        -------
        Events × classes probabilities, or events × 1 numbers. A row of NaN: nothing to say yet.
        """

    def grow(self, width: int, classes: int) -> None:
        """Take wider rows and more classes from now on; never fewer. Regressors ignore the classes."""

    def reset(self) -> None:
        """Forget all that was learned."""

    def quicken(self, factor: float) -> None:
        """Learn faster by this factor for a while; nothing where that has no meaning."""

    def reasons(self, x: Floats) -> Floats | None:
        """Return what each column of one row adds to its prediction, or ``None`` when that cannot be told.

        In log-odds of class 1 (two classes) or of the predicted class (more), or in the target's unit.
        """

    def encode(self) -> bytes:
        """Return the state: equal states give equal bytes."""


class ArrayMember:
    """A member whose whole state is some arrays, so that its snapshot is their bytes behind a header.

    A kind sets ``kind``, ``version`` and ``names`` (the attributes that are its state), and is made from its settings.
    """

    kind: ClassVar[str]
    version: ClassVar[int] = 1
    names: ClassVar[tuple[str, ...]]

    def __init__(self, width: int, classes: int, **settings: float) -> None:
        self.width, self.classes = width, classes
        self.settings = settings

    def encode(self) -> bytes:
        """Return the settings and arrays as bytes."""
        settings = {"width": self.width, "classes": self.classes, **self.settings}
        return pack(self.kind, self.version, settings, self._stored())

    @classmethod
    def decode(cls: type[A], raw: bytes) -> A:
        """Return the member that wrote these bytes.

        Raises
        ------
        SnapshotVersionMismatch
            Another version or another kind of member wrote them.
        StateError
            They are cut short or damaged.
        """
        settings, arrays = unpack(raw, cls.kind, cls.version)
        try:
            made = cls(**settings)
            made._restore(arrays)
        except (TypeError, ValueError) as exc:
            raise StateError(f"the snapshot of a {cls.kind} member does not fit: {exc}; rebuild it") from exc
        return made

    def _stored(self) -> list[npt.NDArray[Any]]:
        """Return the arrays that a snapshot holds."""
        return [getattr(self, name) for name in self.names]

    def _restore(self, arrays: Sequence[npt.NDArray[Any]]) -> None:
        """Take the arrays of a snapshot; ValueError when they cannot be of this member."""
        for name, array in zip(self.names, arrays, strict=True):
            fresh: npt.NDArray[Any] = getattr(self, name)
            if (fresh.dtype, fresh.shape) != (array.dtype, array.shape):
                raise ValueError(f"array {name} is {array.dtype}{array.shape}")
            setattr(self, name, array)

    def _inputs(self, x: Floats, y: Floats, learn: Bools) -> tuple[Floats, Floats, Bools]:
        """Return a batch in the one layout that kernels are compiled for; what cannot be learned is not to be."""
        if x.shape[1] != self.width:
            raise ValueError(f"rows of {x.shape[1]} columns for a member of {self.width}")
        y = np.ascontiguousarray(y, np.float64)
        known = y == y
        if self.classes > 1:
            known = (y >= 0.0) & (y < self.classes)
        return np.ascontiguousarray(x, np.float64), y, np.ascontiguousarray(learn & known)


def pack(kind: str, version: int, settings: dict[str, Any], arrays: Sequence[npt.NDArray[Any]]) -> bytes:
    """Return a member's settings and arrays as bytes, with what wrote them in front.

    Examples
    --------
    >>> raw = pack("mean", 1, {"width": 8}, [np.zeros(2)])
    >>> unpack(raw, "mean", 1)
    ({'width': 8}, [array([0., 0.])])
    """
    name, text = kind.encode(), json.dumps(settings, sort_keys=True, separators=(",", ":")).encode()
    parts = [_HEAD.pack(_MAGIC, _CODEC, version, len(name), len(text)), name, text, bytes([len(arrays)])]
    for array in arrays:
        code = _DTYPES.index(array.dtype)
        parts += [struct.pack(f"<BB{array.ndim}Q", code, array.ndim, *array.shape), array.tobytes()]
    return b"".join(parts)


def unpack(raw: bytes, kind: str, version: int) -> tuple[dict[str, Any], list[npt.NDArray[Any]]]:
    """Return the settings and (writable) arrays that `pack` wrote for this kind and version."""
    check(raw, kind, version)
    try:
        return _unpack(raw)
    except (struct.error, ValueError, IndexError) as exc:
        raise StateError(f"the snapshot of a {kind} member is damaged: {exc}; rebuild it") from exc


def kind_of(raw: bytes) -> tuple[str, int]:
    """Return which kind of member wrote a snapshot, and that kind's version then.

    Examples
    --------
    >>> kind_of(pack("mean", 3, {}, []))
    ('mean', 3)
    """
    if len(raw) < _HEAD.size:
        raise StateError("the snapshot of a member is cut short; rebuild it")
    magic, codec, version, length, _ = _HEAD.unpack_from(raw)
    if magic != _MAGIC or codec != _CODEC:
        raise SnapshotVersionMismatch("not a member's snapshot, or one of another version; rebuild it")
    return raw[_HEAD.size : _HEAD.size + length].decode(errors="replace"), version


def check(raw: bytes, kind: str, version: int) -> None:
    """Refuse a snapshot that another kind or version wrote."""
    found = kind_of(raw)
    if found != (kind, version):
        raise SnapshotVersionMismatch(
            f"a snapshot of {found[0]!r} version {found[1]}, but this is {kind!r} version {version}; rebuild it"
        )


def _unpack(raw: bytes) -> tuple[dict[str, Any], list[npt.NDArray[Any]]]:
    _, _, _, length, text = _HEAD.unpack_from(raw)
    at = _HEAD.size + length + text
    settings = json.loads(raw[at - text : at])
    count, at = raw[at], at + 1
    arrays = []
    for _ in range(count):
        code, ndim = struct.unpack_from("<BB", raw, at)
        shape = struct.unpack_from(f"<{ndim}Q", raw, at + 2)
        at += 2 + 8 * ndim
        size = 1
        for side in shape:
            size *= side
        if size > _MOST:
            raise ValueError("an array too large")
        array = np.frombuffer(raw, _DTYPES[code], size, at).reshape(shape).copy()
        at += array.nbytes
        arrays.append(array)
    if at != len(raw):
        raise ValueError("more bytes than its arrays need")
    return settings, arrays


def widened(array: npt.NDArray[Any], *shape: int) -> npt.NDArray[Any]:
    """Return an array in a larger shape, what is new filled with zeros.

    Examples
    --------
    >>> widened(np.ones((1, 2)), 2, 3)
    array([[1., 1., 0.],
           [0., 0., 0.]])
    """
    larger = np.zeros(shape, array.dtype)
    larger[tuple(slice(side) for side in array.shape)] = array
    return larger
