"""One booted system: systemd as PID 1 of a container, the checkout's code and units inside.

The root is read-only beneath an overlay in RAM, so every boot is the first one. The network is the
machine's own: the simulated server runs outside, and so does the virtual card, whose directory is
bound inside; what the device hears and says is known to the frame out here.
"""

from __future__ import annotations

import contextlib
import json
import re
import shlex
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, Self, TypeVar

from appliance.container import Container
from appliance.roots import ROOT, root, site_packages
from daemon.running import KEY, PATIENCE_S, SHORT, script_of
from device.simulator.background import BackgroundSimulator
from device.simulator.script import Answer, Script
from virtual_card import VirtualCard

COMMAND_S: Final = 60.0
PATH: Final = "/usr/sbin:/usr/bin:/sbin:/bin:/opt/pressel/current/bin"
WATCHDOG_S: Final = 4
"""Instead of 20 s: the tests have to wait for it."""
Line = dict[str, Any]
Found = TypeVar("Found")


class System:
    """A booted system with Pressel installed and not yet started."""

    def __init__(self, suite: str, directory: Path, answers: Answer | Script = SHORT) -> None:
        self.suite = suite
        self.directory = directory
        self.card = VirtualCard(directory / "card", seconds=600)
        self.server = BackgroundSimulator(script_of(answers), key=KEY)
        self._container = Container(
            root(suite), "--volatile=overlay",
            f"--bind-ro={ROOT / 'device'}:{site_packages(suite)}/device",
            f"--bind-ro={ROOT / 'systemd'}:/usr/share/pressel/systemd",
            f"--bind={directory}:{directory}",
            f"--bind-ro={ROOT / '.cache/virtual_card'}:{ROOT / '.cache/virtual_card'}",
            console=directory / "console", path=PATH,
        )  # fmt: skip

    def __enter__(self) -> Self:
        self.server.__enter__()
        self.directory.chmod(0o777)
        for path in (self.card.directory, *self.card.directory.iterdir()):
            path.chmod(0o777)
        self._container.__enter__()
        self._install()
        return self

    def __exit__(self, *_: object) -> None:
        self._container.__exit__()
        self.server.__exit__(None, None, None)
        self.card.close()

    def run(self, command: str, *, check: bool = True) -> str:
        """Run a shell command inside, as root; returns what it printed."""
        done = self._container.run(command, within_s=COMMAND_S)
        if check and done.returncode:
            raise AssertionError(f"{command}: {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def write(self, path: str, text: str, *, mode: int = 0o644) -> None:
        """A file inside."""
        quoted = shlex.quote(text)
        folder = shlex.quote(str(Path(path).parent))
        self.run(f"mkdir -p {folder} && printf %s {quoted} > {path} && chmod {mode:o} {path}")

    def configure(self, **sections: Any) -> None:
        """Write the configuration; JSON is YAML too."""
        sections = {
            "server": {"url": self.server.url, "profile": "local"},
            "microphone": {"device": "microphone", "echo": "hardware"},
            "speaker": {"device": "speaker", "volume": 100},
            **sections,
        }
        lines = [f"{name}: {json.dumps(value)}\n" for name, value in sections.items()]
        self.write("/etc/pressel/pressel.yaml", "version: 1\n" + "".join(lines))

    def drop_in(self, name: str, *lines: str) -> None:
        """Add to the unit."""
        text = "\n".join(["[Service]", *lines, ""])
        self.write(f"/etc/systemd/system/pressel.service.d/{name}.conf", text)
        self.run("systemctl daemon-reload")

    def show(self, *names: str) -> dict[str, str]:
        """Properties of the unit."""
        wanted = "".join(f" -p {name}" for name in names)
        lines = self.run(f"systemctl show pressel{wanted}").splitlines()
        return dict(line.split("=", 1) for line in lines)

    @property
    def pid(self) -> int:
        """The daemon's process, by its number out here."""
        inner = self.show("MainPID")["MainPID"]
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                status = (process / "status").read_text()
                numbers = re.search(r"^NSpid:\t\d+\t(\d+)$", status, re.MULTILINE)
                if numbers and numbers[1] == inner and self._container.holds(process):
                    return int(process.name)
        raise AssertionError("the daemon does not run")

    def journal(self, **fields: str) -> list[Line]:
        """The service's entries with these fields, in order."""
        match = " ".join(f"{name}={shlex.quote(value)}" for name, value in fields.items())
        said = self.run(f"journalctl -q -o json --all -u pressel {match}", check=False)
        return [json.loads(line) for line in said.splitlines()]

    def text(self) -> str:
        """All that the service wrote."""
        return self.run("journalctl -q -o cat -u pressel")

    def wait_for(self, found: Callable[[], Found | None], what: str, *, within_s: float = 0.0) -> (
        Found
    ):  # fmt: skip
        """Ask until there is an answer; returns it."""
        deadline = time.monotonic() + (within_s or PATIENCE_S)
        while time.monotonic() < deadline:
            result = found()
            if result:
                return result
            time.sleep(0.05)
        raise AssertionError(f"waited in vain for {what}:\n{self.text()[-4000:]}")

    def light(self, state: str) -> None:
        """Wait until the daemon says that its light is in this state."""
        self.wait_for(lambda: self.status().get("light") == state, f"the light {state}")

    def status(self) -> Line:
        """What the daemon says of itself; nothing while none runs."""
        said = self.run("pressel status --json", check=False)
        status: Line = json.loads(said) if said else {}
        return status

    def plug(self) -> None:
        """Plug the card in again, where the service's user can have it."""
        self.card.plug()
        for path in self.card.directory.iterdir():
            path.chmod(0o777)

    def start(self) -> None:
        """Start the service; it is ready when this returns."""
        self.run("systemctl start pressel")

    def _install(self) -> None:
        """As the installer will do it."""
        here = "/usr/share/pressel/systemd"
        self.run(
            f"install -m 644 {here}/pressel.sysusers /usr/lib/sysusers.d/pressel.conf;"
            f"install -m 644 {here}/pressel.tmpfiles /usr/lib/tmpfiles.d/pressel.conf;"
            f"install -m 644 {here}/*.service /etc/systemd/system/;"
            f"install -D -m 755 {here}/crash-light /opt/pressel/current/lib/crash-light;"
            "systemd-sysusers && systemd-tmpfiles --create pressel.conf;"
            f"[ ! -f {here}/pressel.catalog ] ||"
            f" {{ mkdir -p /usr/lib/systemd/catalog;"
            f" install -m 644 {here}/pressel.catalog /usr/lib/systemd/catalog/;"
            " journalctl --update-catalog; }"
        )
        if self.suite == "bookworm":
            self.run(
                f"install -D -m 644 {here}/pressel-bookworm.conf"
                " /etc/systemd/system/pressel.service.d/bookworm.conf"
            )
        self.write("/etc/pressel/credentials.d/api_key", KEY, mode=0o600)
        sound = [f"Environment={name}={value}" for name, value in self.card.environment.items()]
        self.drop_in(
            "test",
            f"WatchdogSec={WATCHDOG_S}s",
            *sound,
            f"BindPaths={self.directory}",
            f"BindReadOnlyPaths={ROOT / '.cache/virtual_card'}",
        )
        self.configure()


@contextlib.contextmanager
def booted(suite: str, directory: Path, answers: Answer | Script = SHORT) -> Iterator[System]:
    """A system for the length of this block."""
    with System(suite, directory, answers) as system:
        yield system
