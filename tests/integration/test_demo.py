"""`aimass demo` end to end: real data, real figures, and nothing left behind."""

import asyncio
import signal
import subprocess
import sys
import time

import orjson
import pytest

from aimass.admin import list_topics
from aimass.commands.demo_worker import environment
from aimass.commands.status import registered
from aimass.settings import Settings, kafka_options

pytestmark = pytest.mark.kafka
COMMAND = [sys.executable, "-m", "aimass", "demo"]


def nothing_is_left(settings: Settings) -> bool:
    topics = asyncio.run(list_topics(kafka_options(settings)))
    demos = settings.home / "demo"
    return (
        not any(topic.startswith("shuttle") for topic in topics)
        and not list(demos.iterdir())
        and not registered(settings.home)
    )


def test_the_demo_runs_to_its_end(settings: Settings) -> None:
    env = environment(settings) | {"AIMASS_WEB_PORT": "6081"}
    done = subprocess.run([*COMMAND, "--json"], env=env, capture_output=True, text=True, timeout=400, check=False)
    assert done.returncode == 0, done.stderr
    found = orjson.loads(done.stdout)
    assert found["events"] == found["predictions"] == 49_097
    assert found["accuracy"]["model"] > found["accuracy"]["majority"] > found["accuracy"]["no_change"]
    assert 1 <= found["alerts"] <= found["detection"]["flagged"] + found["foreseen"]["flagged"]
    assert found["latency_ms"]["prediction"]["p50"] > 0
    assert nothing_is_left(settings)


def test_ctrl_c_ends_it_cleanly(settings: Settings) -> None:
    env = environment(settings) | {"AIMASS_WEB_PORT": "6081"}
    demo = subprocess.Popen(
        COMMAND,
        env=env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a background job would ignore it
    )
    deadline = time.monotonic() + 90
    while not registered(settings.home):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    time.sleep(2)
    demo.send_signal(signal.SIGINT)
    _, said = demo.communicate(timeout=60)
    assert demo.returncode == 130
    assert "Traceback" not in said
    assert nothing_is_left(settings)
