"""The daemon that is convinced sooner: `sooner.py run ...`.

Ten seconds of its own speech prove that it does not hear itself, and not a minute. Nothing else of
the daemon is changed.
"""

import sys

from device import cli
from device.core import duplex

if __name__ == "__main__":
    duplex.PROOF = 500  # type: ignore[misc]
    sys.exit(cli.main())
