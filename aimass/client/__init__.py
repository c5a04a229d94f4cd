"""What a user of aimass imports: produce events, subscribe to alerts. Imports neither Faust nor River."""

from aimass.client.blocking import SyncProducer, SyncSubscriber
from aimass.client.producer import Producer
from aimass.client.subscriber import Message, Subscriber

__all__ = ["Message", "Producer", "Subscriber", "SyncProducer", "SyncSubscriber"]
