"""Pipeline files: TOML in, validated definitions and stages out."""

from aimass.pipeline.compile import compile_stages
from aimass.pipeline.definition import (
    CorrelationDef,
    DetectorDef,
    JoinDef,
    LabelDef,
    ModelDef,
    Pipeline,
    SourceDef,
    TimeDef,
)
from aimass.pipeline.parse import load, parse
from aimass.pipeline.ruling import RuleDef, TableDef

__all__ = [
    "CorrelationDef",
    "DetectorDef",
    "JoinDef",
    "LabelDef",
    "ModelDef",
    "Pipeline",
    "RuleDef",
    "SourceDef",
    "TableDef",
    "TimeDef",
    "compile_stages",
    "load",
    "parse",
]
