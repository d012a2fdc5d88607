"""The configuration: one strict YAML file, read into types, refused with what to type instead.

`characters` decodes the bytes, `text` makes a tree with lines and columns (`syntax` explains where
that fails), `check` holds the tree against the types of `model` (`scalars` reads single values),
`rules` knows what fits together and what comes later, `load` is the door, `secret` finds the key,
`profiles` says what is particular to each kind of server, `show` writes it all out again. Nothing
here touches a device, a socket or the clock.
"""

from device.config.load import Loaded, complaint, load_file, parse
from device.config.model import Assistant, Config, Server
from device.config.profiles import Profile, profile_of
from device.config.secret import find_key
from device.config.show import show

__all__ = [
    "Assistant",
    "Config",
    "Loaded",
    "Profile",
    "Server",
    "complaint",
    "find_key",
    "load_file",
    "parse",
    "profile_of",
    "show",
]
