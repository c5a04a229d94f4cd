"""`python -m aimass` is `aimass`."""

import sys

from aimass.cli import main

if __name__ == "__main__":
    sys.exit(main())
