"""The command line as ``python -m neurokit``."""

import sys

from neurokit.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
