"""The functions of the rule language: what each takes, gives and means. How they are computed is elsewhere."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Function:
    """What a function takes and gives.

    Parameters
    ----------
    name
        Its name.
    takes
        The kinds of its arguments: ``number``, ``text``, ``truth``, ``any``, and ``constant`` (a literal).
    gives
        The kind of its result, one of the same.
    group
        ``window``: of the key's events in a window, this one included; ``memory``: of what those left behind;
        ``plain``: of its arguments alone.
    help
        What it means, for the reference and for hints.
    window
        Whether a window must (``"needed"``), may (``"optional"``) or must not (``""``) be given.
    where
        Whether a condition may be given that says which events count.
    least
        How many arguments must be given, where the last ones may be left out.
    """

    name: str
    takes: tuple[str, ...]
    gives: str
    group: str
    help: str
    window: str = ""
    where: bool = False
    least: int | None = None


def _window(name: str, takes: tuple[str, ...], help: str, gives: str = "number") -> Function:
    return Function(name, takes, gives, "window", help, window="needed", where=True)


_ALL = (
    _window("count", (), "how many events"),
    _window("rate", (), "events a second: the count by the window's length"),
    _window("sum", ("number",), "the sum"),
    _window("avg", ("number",), "the mean"),
    _window("min", ("number",), "the least"),
    _window("max", ("number",), "the greatest"),
    _window("stddev", ("number",), "the standard deviation (of a sample)"),
    _window("trend", ("number",), "the slope of a line through it, in units a second"),
    _window("distinct", ("any",), "how many different values, told up to 64"),
    Function(
        "last",
        ("any",),
        "any",
        "memory",
        "the text, number or truth that the key's last event with one had",
        where=True,
    ),
    Function("elapsed", (), "number", "memory", "seconds since the key's previous event that counts", where=True),
    Function("streak", ("truth",), "number", "memory", "of how many events in a row it has been true, this one last"),
    Function("changed", ("any",), "truth", "memory", "whether it is another value than at the key's previous event"),
    Function(
        "new", ("any",), "truth", "memory", "whether the key never had this value (within 64 it had last)", "optional"
    ),
    Function("usual", ("any",), "any", "memory", "the value that the key has had most often, before this event"),
    Function("mean", ("number",), "number", "memory", "the key's fading mean, before this event"),
    Function("deviation", ("number",), "number", "memory", "how far from that mean, in the key's standard deviations"),
    Function(
        "hysteresis",
        ("number", "constant", "constant"),
        "truth",
        "memory",
        "true from when it passes the first bound until it passes back the second",
    ),
    Function("tagged", ("constant",), "truth", "memory", "whether a rule gave the key this tag, which has not run out"),
    Function("known", ("any",), "truth", "plain", "whether there is a value: never unknown itself"),
    Function("either", ("any", "any"), "any", "plain", "the first if it is known, else the second"),
    Function("abs", ("number",), "number", "plain", "without its sign"),
    Function("least", ("number", "number"), "number", "plain", "the smaller"),
    Function("greatest", ("number", "number"), "number", "plain", "the larger"),
    Function(
        "distance",
        ("number", "number", "number", "number"),
        "number",
        "plain",
        "kilometres between two places: latitude, longitude, latitude, longitude in degrees (haversine)",
    ),
    Function("lower", ("text",), "text", "plain", "in small letters"),
    Function("length", ("any",), "number", "plain", "characters of a text, members of a list or an object"),
    Function("contains", ("any", "any"), "truth", "plain", "whether a text or a list has the second in it"),
    Function("starts", ("text", "text"), "truth", "plain", "whether it begins so"),
    Function("ends", ("text", "text"), "truth", "plain", "whether it ends so"),
    Function("like", ("text", "constant"), "truth", "plain", "whether it matches a pattern of * and ?"),
    Function("key", (), "text", "plain", "the event's key"),
    Function("topic", (), "text", "plain", "the topic that the event came from"),
    Function("time", (), "number", "plain", "the event's time, in seconds since 1970"),
    Function("hour", (), "number", "plain", "the hour of the event's time, 0 to 23, UTC"),
    Function("weekday", (), "number", "plain", "the day of the event's time, 1 (Monday) to 7, UTC"),
)

#: By name.
FUNCTIONS: dict[str, Function] = {one.name: one for one in _ALL}
