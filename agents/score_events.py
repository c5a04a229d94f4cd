"""SCORE: each event of the log with all that the models know of it; they learn from it afterwards."""

from typing import Any

from aimass.runtime.driver import App
from aimass.runtime.engine import StageRuntime


def attach(app: App, log: Any, runtime: StageRuntime) -> Any:
    """Attach the agent to the application of a pipeline."""

    @app.agent(log, name="score")
    async def score(chunks: Any) -> None:
        async for chunk in chunks:
            await runtime.process(chunk)

    return score
