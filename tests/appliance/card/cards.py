"""What people put on the card: settings that are right, and ten that are not."""

from __future__ import annotations

from typing import Final

PORT: Final = 8765
"""Of the simulated server, in the guest."""
KEY: Final = "sk-card-4f1c9a77e2b04d5fb7a1B2"
STORED: Final = "stored on device"
GOOD: Final = f"""\
# The box in the kitchen.
version: 1
server:
  url: "ws://127.0.0.1:{PORT}"
  profile: local
  api_key: "{KEY}"
microphone:
  device: "hw:CARD=Loopback,DEV=1,SUBDEV=0"
  echo: hardware
speaker:
  device: "hw:CARD=Loopback,DEV=1,SUBDEV=1"
  volume: 100
panel:
  button: {{gpio: 17}}
  led: {{gpio: 18}}
"""

LATER: Final = GOOD.replace(KEY, f"{STORED} (...{KEY[-4:]})")
"""What stands there after the first start, and is changed by somebody."""
# Each with the line of its mistake and a word of the complaint.
BAD: Final[dict[str, tuple[bytes, int, str]]] = {
    "a tab": (LATER.replace("  device", "\tdevice", 1).encode(), 8, "Tab"),
    "a word misspelt": (LATER.replace("speaker:", "speeker:").encode(), 10, "speaker"),
    "a colon left out": (LATER.replace("version: 1", "version 1").encode(), 2, ""),
    "curly quotes": (LATER.replace('"hw:CARD=Loopback,DEV=1,SUBDEV=0"', "“hw:0”").encode(), 8, ""),
    "a word given twice": (LATER.replace("  echo", "  device: x\n  echo").encode(), 9, "device"),
    "a number out of range": (LATER.replace("100", "1000").encode(), 12, "100"),
    "a bracket left open": (LATER.replace("{gpio: 18}", "{gpio: 18").encode(), 15, ""),
    "a pin that is no number": (
        LATER.replace("gpio: 17", "gpio: seventeen").encode(),
        14,
        "number",
    ),
    "a text document": (b"PK\x03\x04\x14\x00\x06\x00\x08\x00" + bytes(300), 1, "text"),
    "nothing at all": (b"", 1, ""),
}
