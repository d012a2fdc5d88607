"""The configuration: one strict YAML file, read into types, refused with what to type instead.

`characters` decodes the bytes, `text` makes a tree with lines and columns (`syntax` explains where
that fails), `check` holds the tree against the types of `model` (`scalars` reads single values),
`rules` knows what fits together and what comes later, `load` is the door. Before the check
`versions` brings older formats up to date, `devices` puts in what one device has otherwise, and
`boards` what the sound board brings.
`secret` finds the key and `spots` its place in the file, `profiles` says what is particular to
each kind of server, `masked` what may be repeated of a file, `show` writes it all out again.
Nothing here touches a device, a socket or the clock.
"""

from device.config.load import (
    Loaded,
    beginning,
    complaint,
    load_file,
    parse,
    read_file,
    survey,
)
from device.config.model import Assistant, Config, Server
from device.config.profiles import Profile, profile_of
from device.config.scalars import is_kept
from device.config.secret import find_key
from device.config.show import show
from device.config.spots import Spot, spots

__all__ = [
    "Assistant",
    "Config",
    "Loaded",
    "Profile",
    "Server",
    "Spot",
    "beginning",
    "complaint",
    "find_key",
    "is_kept",
    "load_file",
    "parse",
    "profile_of",
    "read_file",
    "show",
    "spots",
    "survey",
]
