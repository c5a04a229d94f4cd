"""Installs the wheel into an empty environment and runs the demo from it: ``python tests/wheel.py dist/*.whl``."""

import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path


def main(wheel: str) -> None:
    """Fail unless the wheel alone runs the demo and the client imports light."""
    with tempfile.TemporaryDirectory() as place:
        venv.create(place, with_pip=True)
        python = str(Path(place) / "bin" / "python")
        quiet = ["--quiet", "--disable-pip-version-check"]
        subprocess.run([python, "-m", "pip", "install", *quiet, str(Path(wheel).resolve())], check=True)
        clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        light = "import aimass.client, sys; sys.exit('faust' in sys.modules or 'river' in sys.modules)"
        subprocess.run([python, "-c", light], cwd=place, env=clean, check=True)
        subprocess.run([python, "-m", "aimass", "demo", "--json"], cwd=place, env=clean, check=True, timeout=600)
    print("the wheel runs the demo in an empty environment")


if __name__ == "__main__":
    main(sys.argv[1])
