"""Compiles the kernels that a pipeline needs, before anything waits for them."""

from __future__ import annotations

from typing import Any

from aimass.pipeline import Pipeline, compile_stages
from aimass.records import LogRecord
from aimass.testing import MemoryOutputs, MemoryState, event

_EVENTS = 400  # enough for every member to have learned, and for drift to have been looked for


def warm(pipeline: Pipeline) -> None:
    """Run made-up events through the pipeline's stages: its kernels are compiled, or read from disk, by that.

    Compiling takes seconds, once on a machine; a worker does it before it joins its group.

    Examples
    --------
    >>> from aimass.pipeline import parse
    >>> warm(parse('name = "x"\\n[[source]]\\ntopic = "t"'))
    """
    _, score, _, *rest = compile_stages(pipeline)
    out, state = MemoryOutputs(), MemoryState()
    score.on_batch(_events(pipeline), state, out)
    score.on_time(2e9, state, out)
    for stage in rest:
        stage.on_batch(out.records("series"), MemoryState(), out)


def _events(pipeline: Pipeline) -> list[LogRecord]:
    made: list[LogRecord] = []
    for i in range(_EVENTS):
        data: dict[str, Any] = {"a": i % 7 + 0.5, "b": i % 3 + 0.5, "word": "ab"[i % 2]}
        for model in pipeline.models:
            if model.target is not None:
                _put(data, model.target.split("."), float(i % 7) if model.is_number else i % 2)
        paths = [path for model in pipeline.models for path in model.fields or ()]
        paths += [path for detector in pipeline.detectors for path in detector.fields or ()]
        for path in paths:
            _put(data, path.split("."), i % 5 + 0.5)
        made.append(event(data, f"k{i % 3}", 1.7e9 + i, i))
    return made


def _put(data: dict[str, Any], path: list[str], value: Any) -> None:
    """Set what stands at a path, unless something else does: not every path can be had together with all others."""
    for step in path[:-1]:
        data = data.setdefault(step, {})
        if type(data) is not dict:
            return
    data.setdefault(path[-1], value)
