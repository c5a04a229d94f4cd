"""What a pipeline file says of data itself: `[quality]`, `[[gate]]` and `[[lookup]]`."""

from __future__ import annotations

from dataclasses import dataclass

from aimass.pipeline.setting import setting
from aimass.quality.gates import ACTIONS, GateSpec
from aimass.quality.indicators import INDICATORS

_WATCHED = tuple(name for name in INDICATORS if name not in ("volume",))


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityDef:
    """`[quality]`: how the quality of data is judged. Sources with a `contract` are, others where `all` says so."""

    all: bool = setting("truth", "whether sources without a contract are looked at, too", default=False)
    pane: float = setting("duration", "how long a pane is: quality is judged pane by pane of event time", default=60.0)
    keep: float = setting("duration", "how late a record may come and still revise its pane", default=3600.0)
    audit: float | None = setting(
        "share",
        "the share of valid records that people look at too: by what they find, accuracy is known",
        default=None,
        shown="none",
    )
    wait: float = setting("duration", "how long a record waits for a person, in event time", default=2592000.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class GateDef:
    """`[[gate]]`: what is done with a source while its data is bad."""

    name: str = setting("name", "names the gate")
    source: str = setting("topic", "the source whose records it is about")
    indicator: str = setting("choice", "what it watches", default="validity", allowed=_WATCHED)
    field: str | None = setting(
        "path", "the field that it watches: completeness, validity or accuracy", default=None, shown="all of a record"
    )
    below: float = setting("share", "it closes when the indicator is surely below", default=0.9)
    until: float | None = setting(
        "share",
        "it opens when the indicator is surely at that or above",
        default=None,
        shown="halfway from `below` to 1",
    )
    least: int = setting("count", "with fewer observations nothing is sure", default=100)
    over: float = setting("duration", "how long observations count together, in event time", default=300.0)
    action: str = setting(
        "choice",
        "what it does while it is closed: name itself in predictions, set all records apart for people, learn nothing "
        "of them but serve, or leave them in their topic until it is opened",
        default="tag",
        allowed=ACTIONS,
    )

    @property
    def spec(self) -> GateSpec:
        """What the stage must know of it."""
        until = (1 + self.below) / 2 if self.until is None else self.until
        return GateSpec(
            name=self.name,
            source=self.source,
            indicator=self.indicator,
            field=self.field,
            below=self.below,
            until=until,
            least=self.least,
            over_s=self.over,
            action=self.action,
        )

    def problems(self) -> list[tuple[str, str]]:
        """Return what does not go together, by key."""
        found = []
        if self.until is not None and self.until < self.below:
            found.append(
                ("until", f"{self.until:g} is less than below ({self.below:g}): it would open while it closes")
            )
        if self.field is not None and self.indicator not in ("completeness", "validity", "accuracy"):
            found.append(("field", f"{self.indicator} is of all of a record, not of one field"))
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class LookupDef:
    """`[[lookup]]`: gives records fields that stand in a CSV file with a header."""

    source: str = setting("topic", "the source whose records get them")
    file: str = setting("text", "the CSV file, from where the pipeline's file is")
    by: str = setting("path", "the field of the record that is looked up")
    key: str = setting("text", "the column that it is looked up in")
    fields: tuple[str, ...] = setting("texts", "the columns that become fields")
    prefix: str = setting("name", "what they are called there: `prefix.field`")
