"""JUDGE: how good the data is, what is done about it, and which records wait for people."""

from typing import Any

from aimass.runtime.driver import App
from aimass.runtime.engine import StageRuntime


def attach(app: App, observations: Any, runtime: StageRuntime) -> Any:
    """Attach the agent to the application of a pipeline."""

    @app.agent(observations, name="judge")
    async def judge(chunks: Any) -> None:
        async for chunk in chunks:
            await runtime.process(chunk)

    return judge
