"""Pressel: press, speak, be heard.

A voice appliance for Raspberry Pi-class boards. `device/README.md` is the map of the house.
"""

__version__ = "0.1.0"
