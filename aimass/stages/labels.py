"""Labels that come on a topic of their own: read into the log, and kept until the event they speak of is known."""

from __future__ import annotations

from aimass.errors import BadEvent
from aimass.models.features import MISSING, getter
from aimass.records import Label, Source
from aimass.stages.base import SourceRecord
from aimass.stages.reader import Reader, text_at


class LabelReader(Reader):
    """Reads the records of a topic of labels.

    Parameters
    ----------
    topic, key, time
        As of a `Reader`. The key is that of the event: a label goes to the partition that its event went to.
    about
        The model or detector that the labels are for.
    event, value
        Paths to the id of the event and to the true value.

    Examples
    --------
    >>> from aimass.testing import MemoryRecord
    >>> reader = LabelReader("truth", about="fraud", event="of", value="was")
    >>> label = reader.label(MemoryRecord(b'{"of": "t-0-7", "was": true}', b"ada", "truth"), "shop")
    >>> label.event, label.about, label.value, label.key
    ('t-0-7', 'fraud', True, 'ada')
    """

    def __init__(
        self, topic: str, about: str, event: str, value: str, key: str | None = None, time: str | None = None
    ) -> None:
        super().__init__(topic, key, time)
        self._about = about
        self._paths = event, value
        self._event, self._value = getter(event), getter(value)

    def label(self, record: SourceRecord, pipeline: str) -> Label:
        """Return the label that a record bears.

        Raises
        ------
        BadEvent
            When the record is no label, with the reason.
        """
        _, data = self.decode(record)
        path, value_path = self._paths
        event, value = text_at(self._event(data), path, "event's id"), self._value(data)
        if value is MISSING or type(value) not in (str, int, float, bool):
            raise BadEvent(
                f"no label: at {value_path!r} is {'nothing' if value is MISSING else 'no text, number or truth'}"
            )
        key, time = self.place(record, data)
        source = Source(record.topic, record.partition, record.offset)
        return Label(source.id, key, time, pipeline, source, event, self._about, value)
