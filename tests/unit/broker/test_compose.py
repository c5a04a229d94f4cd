"""docker-compose.yml and Dockerfile, as far as they can be checked without an engine."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from aimass.broker.lock import kafka_version, load_lock

ROOT = Path(__file__).parents[3]
COMPOSE = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
COMMANDS = [json.loads(found) for found in re.findall(r"^    command: (\[.*\])$", COMPOSE, flags=re.MULTILINE)]


def test_every_service_of_ours_has_a_command() -> None:
    assert len(COMMANDS) == COMPOSE.count("image: aimass\n") == 3
    assert 'ENTRYPOINT ["aimass"]' in (ROOT / "Dockerfile").read_text(encoding="utf-8")


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_each_command_is_one_of_the_command_line(command: list[str]) -> None:
    done = subprocess.run([sys.executable, "-m", "aimass", *command, "--help"], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()


def test_the_image_is_the_kafka_that_aimass_embeds() -> None:
    assert f"image: apache/kafka:{kafka_version(load_lock())}\n" in COMPOSE


def test_docker_compose_accepts_the_file() -> None:
    program = shutil.which("docker-compose")
    if program is None:
        pytest.skip("docker-compose is not installed (Debian: apt-get install docker-compose)")
    done = subprocess.run([program, "config", "--quiet"], cwd=ROOT, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
