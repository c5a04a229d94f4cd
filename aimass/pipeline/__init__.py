"""Pipeline files: TOML in, validated definitions and stages out."""

from aimass.pipeline.compile import compile_stages
from aimass.pipeline.definition import (
    CorrelationDef,
    DetectorDef,
    JoinDef,
    LabelDef,
    ModelDef,
    Pipeline,
    RuleDef,
    SourceDef,
    TimeDef,
)
from aimass.pipeline.parse import load, parse

__all__ = [
    "CorrelationDef",
    "DetectorDef",
    "JoinDef",
    "LabelDef",
    "ModelDef",
    "Pipeline",
    "RuleDef",
    "SourceDef",
    "TimeDef",
    "compile_stages",
    "load",
    "parse",
]
