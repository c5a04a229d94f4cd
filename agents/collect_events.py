"""COLLECT: whatever the sources bring, decoded, checked and put in order into the pipeline's log."""

from typing import Any

from aimass.runtime.driver import App
from aimass.runtime.engine import StageRuntime


def attach(app: App, sources: Any, runtime: StageRuntime) -> Any:
    """Attach the agent to the application of a pipeline."""

    @app.agent(sources, name="collect")
    async def collect(chunks: Any) -> None:
        async for chunk in chunks:
            await runtime.process(chunk)

    return collect
