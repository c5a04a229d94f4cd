"""NOTIFY: alerts and what people do about them to what becomes of them, and who is told."""

from typing import Any

from aimass.runtime.driver import App
from aimass.runtime.engine import StageRuntime


def attach(app: App, signals: Any, runtime: StageRuntime) -> Any:
    """Attach the agent to the application of a pipeline."""

    @app.agent(signals, name="notify")
    async def notify(chunks: Any) -> None:
        async for chunk in chunks:
            await runtime.process(chunk)

    return notify
