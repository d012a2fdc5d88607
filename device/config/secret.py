"""Where the key comes from.

First found, first taken:

1. the file `pressel_api_key` in `$CREDENTIALS_DIRECTORY` (systemd: the only place that is not a
   plain file of the card or an environment anyone of the same user may read),
2. the environment variable `PRESSEL_API_KEY`,
3. `server.api_key` of the configuration.

What the machine was given goes before what the file says: a key that was moved off the card must
not lose against a forgotten one.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from device.config.model import Config
from device.config.scalars import secret_fault
from device.errors import ConfigError, Problem, Secret

CREDENTIAL: Final = "pressel_api_key"
VARIABLE: Final = "PRESSEL_API_KEY"

_MAX_BYTES: Final = 4096


def find_key(config: Config, environ: Mapping[str, str]) -> Secret | None:
    """The key to the server, or None when nobody has given one.

    An empty variable or a missing credential file is none; a credential that is there and cannot
    be a key is a `ConfigError`, because falling back silently would use a key nobody meant.
    """
    directory = environ.get("CREDENTIALS_DIRECTORY")
    if directory:
        path = Path(directory) / CREDENTIAL
        text = _read(path)
        if text is not None:
            cure = "write the key, and nothing else, into this credential"
            return _secret(text, source=str(path), cure=cure)
    text = environ.get(VARIABLE, "").strip()
    if text:
        return _secret(text, source=VARIABLE, cure="set it to the key, and nothing else")
    return config.server.api_key


def _read(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            return file.read(_MAX_BYTES).decode("utf-8", "replace").strip()
    except FileNotFoundError:
        return None
    except OSError as error:
        what = f"the key cannot be read: {error.strerror or error}"
        cure = "make it readable for the user Pressel runs as, or delete it"
        raise ConfigError(str(path), [Problem(1, 1, what, cure)]) from error


def _secret(text: str, *, source: str, cure: str) -> Secret:
    fault = secret_fault(text)
    if fault:
        raise ConfigError(source, [Problem(1, 1, f"the key {fault}", cure)])
    return Secret(text)
