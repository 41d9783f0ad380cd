"""``python -m haar``: the command."""

import sys

from haar.cli.app import main

if __name__ == "__main__":
    sys.exit(main())
