"""One Kafka in 64 could not be formatted: its random id began with a hyphen, and the tool took it for an option."""

import base64
import uuid

from aimass.broker.cluster import _id


def test_an_id_never_begins_with_a_hyphen() -> None:
    drawn = uuid.UUID(bytes=b"\xf8" + bytes(15))
    assert base64.urlsafe_b64encode(drawn.bytes).startswith(b"-")
    assert _id(drawn) == "AAAAAAAAAAAAAAAAAAAAAA"
    assert _id(uuid.UUID(bytes=b"\x08" + bytes(15))) == "CAAAAAAAAAAAAAAAAAAAAA"
