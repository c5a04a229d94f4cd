"""Records that no stage could accept: bytes as they came, the reason in the headers."""

from aimass.topic import LARGE, Topic

TOPIC = Topic(name="deadletters", config=LARGE)
