"""The daemon on a card whose time runs faster: `hurried.py SPEED run ...`.

Its audio threads compute how long to sleep from the frame rate; on such a card a second of the
clock brings SPEED seconds of frames. Nothing else of the daemon is changed.
"""

import sys

from device import cli
from device.drivers import capture, playout

speed = float(sys.argv.pop(1))
for driver in (capture, playout):
    driver.RATE = round(driver.RATE * speed)  # type: ignore[attr-defined]
sys.exit(cli.main())
