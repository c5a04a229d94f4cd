"""DECIDE: predictions to alerts, by the rules of the pipeline."""

from typing import Any

from aimass.runtime.driver import App
from aimass.runtime.engine import StageRuntime


def attach(app: App, predictions: Any, runtime: StageRuntime) -> Any:
    """Attach the agent to the application of a pipeline."""

    @app.agent(predictions, name="decide")
    async def decide(chunks: Any) -> None:
        async for chunk in chunks:
            await runtime.process(chunk)

    return decide
