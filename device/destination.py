"""Where to dial, asked anew before every dial: a new key or address works without a restart.

Of a file that has changed the sections `server` and `assistant` are taken, as far as a connection
is made of them; how the device converses, and the sound on the line, stay as it was started with.
A file that has become wrong changes nothing: the last good one holds, and its mistake is told once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import structs

from device import wishes
from device.config import Config, find_key, load_file
from device.drivers.link import Endpoint
from device.errors import ConfigError, Secret

if TYPE_CHECKING:
    from device.drivers.broker import Broker


class Destination:
    """The endpoint of a device: from its file, its key and, where there is one, its broker.

    `config` is what `path` held. `warn` is called with the mistakes of a file or a key that has
    become wrong, and with None when all is right again. The constructor raises `ConfigError` for a
    key that cannot be one.
    """

    def __init__(
        self,
        config: Config,
        *,
        path: Path,
        environ: Mapping[str, str],
        warn: Callable[[ConfigError | None], None],
    ) -> None:
        self._config = config
        self._path = path
        self._environ = environ
        self._warn = warn
        self._warned = ""
        self._file_wrong = False
        self._digest = _digest(path)
        self._key = find_key(config, environ)
        self._broker = _broker(config, self._key)

    async def endpoint(self) -> Endpoint:
        """Where to dial now. Raises `LinkError` when the broker gives no key."""
        self._refresh()
        if self._broker is None:
            return wishes.endpoint(self._config, self._key)
        return wishes.endpoint(self._config, await self._broker.secret(), minted=True)

    def changed(self) -> bool:
        """Whether another try may succeed where the last was refused. Reads two small files.

        The file or the key is another than at the last dial, or a secret had merely grown old.
        """
        if self._broker is not None and self._broker.outworn:
            return True
        try:
            key = find_key(self._config, self._environ)
        except ConfigError:
            key = self._key
        return _digest(self._path) != self._digest or key != self._key

    def refused(self) -> None:
        """The server refused the key: one that was minted is not shown again."""
        if self._broker is not None:
            self._broker.forget()

    def _refresh(self) -> None:
        """Take what the file and the key are now. What is wrong leaves what was."""
        before = (self._config.server, self._key)
        mistake = None
        try:
            digest = _digest(self._path)
            if digest != self._digest:
                self._digest, self._file_wrong = digest, True
                self._config = self._reread()
                self._file_wrong = False
            self._key = find_key(self._config, self._environ)
        except ConfigError as error:
            mistake = error
        if (self._config.server, self._key) != before:
            self._broker = _broker(self._config, self._key)
        if mistake is not None or not self._file_wrong:
            self._tell(mistake)

    def _tell(self, mistake: ConfigError | None) -> None:
        """Each once, and once that there is none any more."""
        said = str(mistake) if mistake else ""
        if said != self._warned:
            self._warned = said
            self._warn(mistake)

    def _reread(self) -> Config:
        """The settings with those of the file that a connection is made of."""
        new = load_file(self._path).config
        server = structs.replace(new.server, audio=self._config.server.audio)
        return structs.replace(self._config, server=server, assistant=new.assistant)


def _broker(config: Config, token: Secret | None) -> Broker | None:
    server = config.server
    if server.key_url is None:
        return None
    from device.drivers.broker import Broker  # HTTP is for those who have one: 1 MB, 20 ms

    return Broker(server.key_url, token=token, model=server.model)


def _digest(path: Path) -> bytes:
    """What tells one content of the file from another; b'' while it cannot be read."""
    try:
        return hashlib.sha256(path.read_bytes()).digest()
    except OSError:
        return b""
