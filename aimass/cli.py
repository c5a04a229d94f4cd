"""The `aimass` command: its arguments and exit codes. What the commands do is in `aimass/commands/`.

Exit codes: 0 done, 1 failed, 2 wrong usage or configuration, 130 interrupted.
"""

from __future__ import annotations

import os
import shutil
import sys
import textwrap
from collections.abc import Sequence
from typing import TextIO

from aimass import __version__
from aimass.cli_arguments import build_parser
from aimass.cli_help import Arguments
from aimass.errors import AimassError, ConfigurationError
from aimass.settings import Settings


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code.

    Parameters
    ----------
    argv
        The arguments after ``aimass``; those of the process, when left out.
    """
    parser = build_parser(__version__)
    arguments = parser.parse_args(argv, namespace=Arguments())
    try:
        return arguments.run(Settings.from_env(os.environ), arguments)
    except ConfigurationError as exc:
        return _fail(exc, 2)
    except AimassError as exc:
        return _fail(exc, 1)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        _silence(sys.stdout)
        return 0


def _fail(error: AimassError, code: int) -> int:
    """Print an error as a paragraph, without a traceback."""
    width = max(40, min(120, shutil.get_terminal_size().columns))
    paragraphs = [
        textwrap.fill(part, width, break_long_words=False, break_on_hyphens=False)
        for part in f"aimass: {error}".splitlines()
    ]
    print("\n".join(paragraphs), file=sys.stderr)
    return code


def _silence(stream: TextIO) -> None:
    """Let what is still buffered go nowhere: whoever read it has gone."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
