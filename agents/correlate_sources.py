"""CORRELATE: which series of a group move together, with what lag, and when they cease to."""

from typing import Any

from aimass.runtime.driver import App
from aimass.runtime.engine import StageRuntime


def attach(app: App, series: Any, runtime: StageRuntime) -> Any:
    """Attach the agent to the application of a pipeline."""

    @app.agent(series, name="correlate")
    async def correlate(chunks: Any) -> None:
        async for chunk in chunks:
            await runtime.process(chunk)

    return correlate
