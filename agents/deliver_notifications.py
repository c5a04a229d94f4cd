"""DELIVER: what the outbox holds, to those who are to be told. The one agent that speaks to the world outside."""

from aimass.delivery.service import DeliveryService
from aimass.runtime.driver import App


def attach(app: App, service: DeliveryService) -> None:
    """Run the delivery of a pipeline for as long as its application runs."""
    app.task(service.run)
