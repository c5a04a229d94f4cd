"""What a pipeline's file says of a record under review: its contract's words, and what would become of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import orjson

from aimass.codec import encode
from aimass.commands.pipelines import load
from aimass.records import Event, Quarantined, Redrive, Review

if TYPE_CHECKING:
    from aimass.pipeline import Pipeline

_KNOWN = {"audit": "a sample of what is valid: is it right?"}


@dataclass(frozen=True, slots=True)
class Trial:
    """What would become of a record.

    Parameters
    ----------
    data
        What it would say in the log; ``None``: it cannot be read.
    causes
        What it would break still; with them it goes on only where it is accepted.
    error
        Why it cannot be read.
    """

    data: dict[str, Any] | None
    causes: tuple[str, ...] = ()
    error: str = ""


class Bench:
    """Tries what COLLECT does with records that people let go on, in memory: nothing is written.

    Parameters
    ----------
    pipeline
        The pipeline.
    """

    def __init__(self, pipeline: Pipeline) -> None:
        from aimass.formats.book import SchemaBook
        from aimass.pipeline.collecting import collect_stage, contract_for

        self._name = pipeline.name
        self._contracts = {one.topic: contract_for(one) for one in pipeline.sources}
        self._stage = collect_stage(pipeline, {}, SchemaBook())

    def trial(self, record: Quarantined, patch: Mapping[str, Any]) -> Trial:
        """Return what a record would say with a correction, and what it would break."""
        out = self._redriven(record, patch, is_accepted=True)
        if out.rejected:
            return Trial(None, (), str(out.rejected[0][1]))
        event = next(one for one in out.records("") if isinstance(one, Event))
        again = self._redriven(record, patch, is_accepted=False)
        causes = [one.causes for one in again.records("observations") if isinstance(one, Quarantined)]
        return Trial(orjson.loads(bytes(event.data)), causes[0] if causes else ())

    def _redriven(self, record: Quarantined, patch: Mapping[str, Any], *, is_accepted: bool) -> Any:
        from aimass.testing import MemoryOutputs, MemoryRecord, MemoryState

        one, out = msgspec.structs.replace(record, attempt=0), MemoryOutputs()
        order = Redrive(
            one.id, one.key, one.time, one.pipeline, one.source, one, dict(patch), is_accepted, "", "a trial"
        )
        self._stage.on_batch([MemoryRecord(encode(order), topic=f"{self._name}.redrive")], MemoryState(), out)
        return out

    def words(self, task: Review) -> list[str]:
        """Return in words what a record breaks, cause by cause."""
        data = None if task.record is None or not self._has(task) else self.trial(task.record, {}).data
        return [self._word(cause, task.source.topic, data) for cause in task.causes]

    def _has(self, task: Review) -> bool:
        return task.source.topic in self._contracts and not task.causes[0].startswith("rule:")

    def _word(self, cause: str, topic: str, data: dict[str, Any] | None) -> str:
        from aimass.quality.check import explain
        from aimass.quality.clean import Place

        plain = word_of(cause)
        if plain != cause or topic not in self._contracts:
            return plain
        return explain(cause, self._contracts[topic], Place(cause.rpartition(":")[0]).get(data or {}))


def word_of(cause: str) -> str:
    """Return what a cause means that is of no contract; any other as it is.

    Examples
    --------
    >>> word_of("gate:valid"), word_of("heat:most")
    ('the gate valid is closed: all records of the source wait', 'heat:most')
    """
    kind, _, name = cause.partition(":")
    if kind == "gate":
        return f"the gate {name} is closed: all records of the source wait"
    if kind == "rule":
        return f"the rule {name} wants a person to look at it"
    return _KNOWN.get(cause, cause)


def bench_of(word: str) -> tuple[str, Bench | None]:
    """Return the name of the pipeline that a word means, a file or a name; and its bench where it is a file."""
    if not word.endswith(".toml") and not Path(word).is_file():
        return word, None
    (pipeline,) = load([Path(word)])
    return pipeline.name, Bench(pipeline)


def said_by(record: Quarantined | None) -> Any:
    """Return what a record says, as it came: JSON decoded, text, or bytes escaped.

    Examples
    --------
    >>> from aimass.records import Source
    >>> said_by(Quarantined("i", "k", 0.0, "p", Source("t", 0, 0), ("a",), b"\\xff{"))
    '\\\\xff{'
    """
    if record is None:
        return None
    try:
        return orjson.loads(record.value)
    except orjson.JSONDecodeError:
        return record.value.decode("utf-8", "backslashreplace")
