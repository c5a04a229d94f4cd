"""What a pipeline file can say: each section a frozen dataclass whose fields carry their kind, default and meaning."""

from __future__ import annotations

from dataclasses import Field, dataclass, fields
from typing import Any

from aimass.formats import FORMATS
from aimass.pipeline.alerting import AlertsDef, ReceiverDef
from aimass.pipeline.data import GateDef, LookupDef, QualityDef
from aimass.pipeline.recommending import RecommendDef
from aimass.pipeline.ruling import RuleDef, TableDef
from aimass.pipeline.setting import setting


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceDef:
    """`[[source]]`: a topic whose JSON objects are events. At least one."""

    topic: str = setting("topic", "the Kafka topic to read")
    key: str | None = setting(
        "path",
        "where the event's key stands; state, order and detectors are per key",
        default=None,
        shown="the Kafka key",
    )
    time: str | None = setting("path", "where the event's time stands", default=None, shown="the Kafka timestamp")
    id: str | None = setting("path", "where the event's own id stands", default=None, shown="topic-partition-offset")
    format: str = setting("choice", "how its values are written", default="json", allowed=FORMATS)
    columns: tuple[str, ...] = setting(
        "texts",
        "for `csv`: the names of the columns, in order",
        default=(),
        shown="the first line of a file that is fed",
    )
    delimiter: str = setting("text", "for `csv`: what stands between columns", default=",")
    pattern: str | None = setting(
        "text", "for `pattern`: a regular expression with named groups, `(?P<user>\\S+)`", default=None, shown="none"
    )
    schema: str | None = setting(
        "text",
        "for `avro`: a file with the schema; for `protobuf`: a file that `protoc --descriptor_set_out` made",
        default=None,
        shown="the registry's",
    )
    message: str | None = setting("text", "for `protobuf`: the message's full name", default=None, shown="the only one")
    registry: str | None = setting(
        "text", "for `avro` and `protobuf`: the URL of a schema registry, Confluent's API", default=None, shown="none"
    )
    feed: str | None = setting(
        "text",
        "what fills the topic: a path (`logs/*.log`), `https://…`, `postgresql://…`, `sqlite:///…`, or `push`",
        default=None,
        shown="whoever produces to it",
    )
    every: float = setting("duration", "how often a feed looks for more", default=10.0)
    query: str | None = setting(
        "text", "of a database feed: a query whose `:cursor` is the newest value seen", default=None, shown="none"
    )
    cursor: str | None = setting(
        "path", "of a database or HTTP feed: the column or field that grows, row by row", default=None, shown="none"
    )
    start: str | float | bool = setting(
        "scalar", 'of a database feed: what `:cursor` is at first, like `0` or `"1970-01-01"`', default=0
    )
    items: str | None = setting(
        "path", "of an HTTP feed: where the list of records stands in an answer", default=None, shown="the whole answer"
    )
    next: str | None = setting(
        "text",
        "of an HTTP feed: where the next page is named: `link` (the header), or a path to its URL or token",
        default=None,
        shown="there is one page",
    )
    token: str | None = setting(
        "text", "of an HTTP feed: the query parameter that takes the next page's token", default=None, shown="none"
    )
    since: str | None = setting(
        "text", "of an HTTP feed: the query parameter that takes the newest cursor seen", default=None, shown="none"
    )
    headers: tuple[tuple[str, str | float | bool], ...] = setting(
        "parameters", "of an HTTP feed: headers; `${NAME}` in them is read from the environment", default=()
    )
    rate: float = setting("amount", "of an HTTP feed: requests a second at the most", default=5.0)
    clean: tuple[tuple[str, str], ...] = setting(
        "cleaning", 'what is done to fields first, like `{ heat = "number | convert F C", site = "trim" }`', default=()
    )
    only: str | None = setting(
        "condition", "records of which it is not true are left out, like `type == 'order'`", default=None, shown="all"
    )
    dedupe: float | None = setting(
        "lasting", "a record whose `id` came within this time is left out", default=None, shown="none is"
    )
    contract: str | None = setting(
        "text", "the file of its contract: our TOML, JSON Schema, or ODCS", default=None, shown="none"
    )
    breach: str = setting(
        "choice",
        "what becomes of a record that breaks its contract: it waits for people, goes on with a note, is a dead letter",
        default="quarantine",
        allowed=("quarantine", "tag", "reject"),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelDef:
    """`[[label]]`: a topic whose JSON objects say the truth about earlier events."""

    topic: str = setting("topic", "the Kafka topic to read")
    about: str = setting("name", "the model that learns from them, or the detector whose anomalies they judge")
    event: str = setting("path", "where the id of the event stands which the label is for")
    value: str = setting("path", "where the true value stands; for a detector, `false` says: not an anomaly")
    key: str | None = setting(
        "path", "where the event's key stands: the same key as the event's", default=None, shown="the Kafka key"
    )
    time: str | None = setting("path", "where the label's time stands", default=None, shown="the Kafka timestamp")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelDef:
    """`[[model]]`: an ensemble that predicts each event and then learns from it."""

    name: str = setting("name", "names the model in rules and predictions")
    target: str | None = setting(
        "path",
        "where the true value stands in events that bear one; no feature and no detector sees it",
        default=None,
        shown="labels come on a topic of their own, or there are none",
    )
    recipe: str = setting(
        "recipe",
        "which ensemble: a name below, a River class (`river.forest.ARFClassifier`) or your own `module:function`",
        default="classifier",
    )
    parameters: tuple[tuple[str, str | float | bool], ...] = setting(
        "parameters", "of a River class or of your own function, like `{ n_models = 10 }`", default=()
    )
    scope: str = setting(
        "choice",
        "what one model learns from: all events of a partition, those of a segment, or all and a small part a key",
        default="partition",
        allowed=("partition", "segment", "key"),
    )
    segment: str | None = setting(
        "path", 'where the segment\'s name stands, for `scope = "segment"`', default=None, shown="none"
    )
    fields: tuple[str, ...] | None = setting(
        "paths", "its features", default=None, shown="all fields that can be encoded, nested ones too"
    )
    encode: tuple[tuple[str, str], ...] = setting(
        "encodings",
        'how fields are to be read, like `{ merchant = "id", note = "text" }`',
        default=(),
        shown="by what their values are",
    )
    lags: int = setting("small-count", "how many earlier values of each of its `fields` it sees, per key", default=0)
    windows: tuple[float, ...] = setting(
        "durations",
        "over how long, in event time, means and deviations of each of its `fields` are seen, per key",
        default=(),
    )
    label_lags: int = setting(
        "small-count", "how many earlier labels it sees, once they prove to depend on the one before", default=2
    )
    horizon: int = setting("count", "how many events ahead a `forecaster` predicts", default=1)
    season: int = setting("count", "how many events a season of a `forecaster` has; 1: there is none", default=1)
    item: str | None = setting(
        "path", "where the item stands that a `ranker` ranks for the key", default=None, shown="none"
    )
    cpu_us: float = setting(
        "amount",
        "microseconds an event may cost, nominally: members that do not fit see a share of events",
        default=100.0,
    )
    on_drift: str = setting(
        "choice",
        "what is done when its loss drifts",
        default="warn",
        allowed=("nothing", "warn", "reset", "rate", "swap", "fallback"),
    )
    challengers: tuple[str, ...] = setting(
        "recipes", "recipes that see the same events and are only measured", default=()
    )
    wait: float = setting("duration", "how long an event waits for its label, in event time", default=604800.0)
    unlabelled: str | float | bool | None = setting(
        "scalar", "what is learned of an event whose label did not come in time", default=None, shown="nothing"
    )
    coverage: float = setting("share", "how often intervals of numbers are to hold the truth", default=0.9)
    explain: bool = setting("truth", "whether predictions bear votes and reasons", default=False)
    task: str | None = setting(
        "choice",
        "what is predicted, for a recipe that can do both",
        default=None,
        shown="numbers by `regressor`, `forecaster` and River's `…Regressor`; else classes",
        allowed=("classes", "numbers"),
    )

    @property
    def is_number(self) -> bool:
        """Whether it predicts numbers."""
        if self.task is None:
            return self.recipe in ("regressor", "forecaster") or self.recipe.rpartition(".")[2].endswith("Regressor")
        return self.task == "numbers"


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorDef:
    """`[[detector]]`: scores how strange each event is for its key. Without any: one named `odd`."""

    name: str = setting("name", "names the detector in rules and predictions")
    kind: str = setting(
        "choice",
        "what it looks at: numbers, how they go together, shapes over time, words, absent fields, silent keys",
        default="values",
        allowed=("values", "relations", "shapes", "categories", "missing", "silence"),
    )
    fields: tuple[str, ...] | None = setting(
        "paths", "the fields it looks at, at most 64", default=None, shown="all at the top level that it can look at"
    )
    scope: str = setting("choice", "what it compares an event with", default="key", allowed=("key", "partition"))
    within: float = setting(
        "duration", "for `relations`: how old the last values of other sources may be that stand in", default=0.0
    )
    lagged: bool = setting(
        "truth", "for `relations`: whether fields are compared with those of the event before too", default=False
    )
    threshold: float | None = setting(
        "amount", "the score from which on an anomaly has a severity", default=None, shown="the detector's own"
    )
    budget: int | None = setting(
        "count",
        "at most so many anomalies a day and key get a severity; instead of a threshold",
        default=None,
        shown="none",
    )
    forget: float | None = setting(
        "duration-or-never", "a key without events for this long is forgotten", default=2592000.0
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinDef:
    """`[[join]]`: gives events of the other sources the newest values that one source had of the same key."""

    source: str = setting("topic", "the source whose values are remembered")
    fields: tuple[str, ...] = setting("paths", "its fields that others get")
    prefix: str = setting("name", "what they are called there: `prefix.field`")
    within: float = setting("duration", "how old a value may be, in event time", default=3600.0)
    history: int = setting("count", "how many values of a key are kept, for events that come late", default=16)


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrelationDef:
    """`[[correlation]]`: finds which series move together, with what lag, and tells when they cease to."""

    name: str = setting("name", "names it in links")
    group: str | None = setting(
        "path", "where the group's name stands: only series of one group are compared", default=None, shown="one group"
    )
    fields: tuple[str, ...] | None = setting(
        "paths", "the numeric fields that are series", default=None, shown="all at the top level"
    )
    every: float = setting("duration", "the grid that values are put on, in event time", default=1.0)
    max_lag: float = setting("duration", "the longest lag, at most 64 steps of the grid", default=30.0)
    links: int = setting("count", "how many links of a group are kept, the strongest", default=64)
    min_strength: float = setting("share", "how strong a correlation must be to be a link", default=0.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeDef:
    """`[time]`: how event time advances."""

    lateness: float = setting("duration", "how far behind the newest event an event may come", default=0.0)
    tick: float | None = setting(
        "duration-or-never", "how often time-driven work happens, in event time; forgetting keys needs it", default=10.0
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipeline:
    """A pipeline, as its file defines it: validated and with every default filled in.

    Examples
    --------
    >>> from aimass.pipeline import parse
    >>> pipeline = parse('name = "pumps"\\n[[source]]\\ntopic = "pumps.telemetry"')
    >>> pipeline.detectors[0].name, pipeline.rules[0].when
    ('odd', 'odd.score > 5')
    """

    name: str = setting("topic-part", "names the pipeline, its topics and its consumer groups")
    partitions: int | None = setting(
        "count", "partitions of the log and all that follows it", default=None, shown="as many as the first source has"
    )
    profiles: bool = setting(
        "truth", "whether profiles of keys are kept although no rule and no recommendation looks at them", default=False
    )
    sources: tuple[SourceDef, ...] = ()
    labels: tuple[LabelDef, ...] = ()
    lookups: tuple[LookupDef, ...] = ()
    gates: tuple[GateDef, ...] = ()
    joins: tuple[JoinDef, ...] = ()
    models: tuple[ModelDef, ...] = ()
    detectors: tuple[DetectorDef, ...] = ()
    tables: tuple[TableDef, ...] = ()
    rules: tuple[RuleDef, ...] = ()
    correlations: tuple[CorrelationDef, ...] = ()
    recommends: tuple[RecommendDef, ...] = ()
    receivers: tuple[ReceiverDef, ...] = ()
    alerts: AlertsDef = AlertsDef()  # noqa: RUF009
    quality: QualityDef = QualityDef()  # noqa: RUF009
    time: TimeDef = TimeDef()

    @property
    def inputs(self) -> tuple[str, ...]:
        """The topics that the pipeline collects from: its sources' and its labels'."""
        topics = [source.topic for source in self.sources] + [label.topic for label in self.labels]
        return tuple(dict.fromkeys(topics))

    @property
    def judged(self) -> tuple[SourceDef, ...]:
        """The sources whose data is judged, and whose records are counted by what became of them."""
        return tuple(
            one for one in self.sources if self.quality.all or one.contract or one.dedupe is not None or one.only
        )

    @property
    def has_judge(self) -> bool:
        """Whether anything is there for JUDGE: data that is judged, or events that rules send to people."""
        return bool(self.judged) or any(rule.review for rule in self.rules)


#: Sections by their name in the file: the attribute of `Pipeline`, the class, and whether there may be many.
SECTIONS: dict[str, tuple[str, Any, bool]] = {
    "source": ("sources", SourceDef, True),
    "label": ("labels", LabelDef, True),
    "lookup": ("lookups", LookupDef, True),
    "quality": ("quality", QualityDef, False),
    "gate": ("gates", GateDef, True),
    "join": ("joins", JoinDef, True),
    "model": ("models", ModelDef, True),
    "detector": ("detectors", DetectorDef, True),
    "table": ("tables", TableDef, True),
    "rule": ("rules", RuleDef, True),
    "correlation": ("correlations", CorrelationDef, True),
    "recommend": ("recommends", RecommendDef, True),
    "receiver": ("receivers", ReceiverDef, True),
    "alerts": ("alerts", AlertsDef, False),
    "time": ("time", TimeDef, False),
}


def keys_of(section: Any) -> dict[str, Field[Any]]:
    """Return the keys that a section of the file may have, by name.

    Examples
    --------
    >>> list(keys_of(TimeDef))
    ['lateness', 'tick']
    """
    return {one.name: one for one in fields(section) if one.metadata}
