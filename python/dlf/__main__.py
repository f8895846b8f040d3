"""`python -m dlf` is the `dlf` command."""

import sys

from dlf.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
