"""`python -m device` is `pressel`."""

import sys

from device.cli import main

sys.exit(main())
