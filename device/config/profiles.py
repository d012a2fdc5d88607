"""What is particular to each kind of server, as data.

All of them speak the dialect of `core/wire`; they differ in where it is served and in how a key
is shown. Source: the providers' reference pages, and what their servers were seen to do.
"""

from __future__ import annotations

from typing import Final, Literal

from msgspec import Struct

Name = Literal["openai", "azure", "local"]


class Profile(Struct, frozen=True, kw_only=True):
    """One kind of server. A client secret is shown as `Authorization: Bearer` everywhere."""

    example: str
    """An address as a person would type it."""
    path: str
    """Where the dialect is served, for an address that names no path."""
    key_header: str = "Authorization"
    key_prefix: str = "Bearer "
    needs_key: bool = True
    pong_s: float = 3.0
    """How long it may take to answer a ping in the middle of a turn."""


# fmt: off
_PROFILES: Final[dict[Name, Profile]] = {
    "openai": Profile(
        example="wss://api.openai.com/v1/realtime", path="/v1/realtime",
    ),
    "azure": Profile(  # the model is the name of a deployment; there is no api-version any more
        example="wss://NAME.openai.azure.com", path="/openai/v1/realtime",
        key_header="api-key", key_prefix="",
    ),
    "local": Profile(
        example="ws://127.0.0.1:8080/v1/realtime", path="/v1/realtime", needs_key=False,
        pong_s=20.0,  # computes its first answer for 15 s and answers nothing meanwhile
    ),
}
# fmt: on


def profile_of(name: Name) -> Profile:
    """What is particular to this kind of server."""
    return _PROFILES[name]
