"""Run the command line: `python -m contractgen`."""

import sys

from contractgen.cli import main

if __name__ == "__main__":
    sys.exit(main())
