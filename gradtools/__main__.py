"""`python -m gradtools NAME`, the same as `gradtools NAME`."""

import sys

from gradtools.cli import main

sys.exit(main())
