"""The templates for the operating system: harmless as they are, right when switched on."""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from device.provision import EXAMPLES

ADDRESS = "https://ADDRESS-OF-A-RELEASE.tar.gz"
DIGEST = "SHA-256-OF-THAT-FILE"
INSTALL = "#!/bin/sh\necho installed from ${0##*/src/}\n"


class Strict(yaml.SafeLoader):
    """YAML in which a key may stand once: of two, cloud-init would pass over the first."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> Any:
        keys = [self.construct_object(key) for key, _ in node.value]
        assert len(keys) == len(set(keys)), keys
        return super().construct_mapping(node, deep)


def switched_on(text: str) -> str:
    """A remark begins with one space; what may be switched on with none, or with more."""
    first, rest = text.split("\n", 1)
    return first + "\n" + re.sub(r"(?m)^#(?=[^ \n]|  )", "", rest)


def read(name: str, *, on: bool = False) -> Any:
    text = (EXAMPLES / name).read_text()
    return yaml.load(switched_on(text) if on else text, Strict)


def test_as_they_are_they_change_nothing() -> None:
    assert read("user-data.example") == {"ssh_pwauth": False}, "and let nobody in"
    assert read("network-config.example") == {"network": {"version": 2}}


def test_the_first_line_tells_cloud_init_what_it_is() -> None:
    assert (EXAMPLES / "user-data.example").read_text().startswith("#cloud-config\n")


def test_switched_on_they_are_what_they_say() -> None:
    user = read("user-data.example", on=True)
    assert set(user) == {"hostname", "users", "ssh_pwauth", "timezone", "rpi", "runcmd"}
    (person,) = user["users"]
    assert person["lock_passwd"] is True
    assert person["ssh_authorized_keys"][0].startswith("ssh-")
    assert user["rpi"] == {"interfaces": {"spi": True}}
    assert user["runcmd"][0] == ["systemctl", "enable", "--now", "ssh"]
    wlan = read("network-config.example", on=True)["network"]["wifis"]["wlan0"]
    assert wlan["regulatory-domain"] == "DE"
    assert wlan["access-points"] == {"name of your network": {"password": "its password"}}


def test_each_part_can_be_switched_on_alone() -> None:
    parts = (EXAMPLES / "user-data.example").read_text().split("\n\n")
    alone = [yaml.load(switched_on(f"\n{part}"), Strict) for part in parts[1:]]
    assert [list(one) for one in alone] == [
        ["hostname"], ["users"], ["ssh_pwauth"], ["timezone"], ["rpi"], ["runcmd"]
    ]  # fmt: skip


def test_an_editor_of_windows_changes_nothing_about_it() -> None:
    text = switched_on((EXAMPLES / "user-data.example").read_text())
    assert yaml.load(text.replace("\n", "\r\n"), Strict) == yaml.load(text, Strict)


def first_start(place: Path, *, digest: str = "") -> tuple[list[str], list[str]]:
    """What is told on the card, and what systemd is asked for, when `runcmd` runs below `place`."""
    for folder in ("boot/firmware", "tmp", "run/systemd/timesync", "bin", "pressel-1/provisioning"):
        (place / folder).mkdir(parents=True)
    (place / "run/systemd/timesync/synchronized").touch()
    for path, text in (
        (place / "pressel-1/provisioning/install.sh", INSTALL),
        (place / "bin/systemctl", f'#!/bin/sh\necho "$*" >>{place}/asked\n'),
    ):
        path.write_text(text)
        path.chmod(0o755)
    release = place / "release.tar.gz"
    with tarfile.open(release, "w:gz") as archive:
        archive.add(place / "pressel-1", "pressel-1")
    # As cloud-init makes one script of the list: words quoted, text as it is.
    commands = read("user-data.example", on=True)["runcmd"]
    script = "\n".join(one if isinstance(one, str) else shlex.join(one) for one in commands)
    script = re.sub(r"/(?=boot/firmware|tmp/|usr/local|run/systemd)", f"{place}/", script)
    assert script.count(ADDRESS) == script.count(DIGEST) == 1
    digest = digest or hashlib.sha256(release.read_bytes()).hexdigest()
    script = script.replace(ADDRESS, f"file://{release}").replace(DIGEST, digest)
    env = {**os.environ, "PATH": f"{place / 'bin'}:{os.environ['PATH']}"}
    subprocess.run(["sh", "-c", script], env=env, timeout=60, check=False)
    told = (place / "boot/firmware/pressel-install.txt").read_text()
    return told.splitlines(), (place / "asked").read_text().splitlines()


needs_curl = pytest.mark.skipif(not shutil.which("curl"), reason="no curl here")


@needs_curl
def test_the_first_start_fetches_a_release_installs_it_and_starts_it(tmp_path: Path) -> None:
    told, asked = first_start(tmp_path)
    assert told[0].endswith("pressel.tar.gz: OK")
    assert told[1] == "installed from pressel/provisioning/install.sh"
    assert told[2] == "Pressel is installed; pressel-status.txt says more."
    assert asked == ["enable --now ssh", "start pressel-provision pressel pressel-report"]


@needs_curl
def test_what_is_not_the_release_is_not_run_and_told_on_the_card(tmp_path: Path) -> None:
    told, asked = first_start(tmp_path, digest="0" * 64)
    assert told[0].endswith("pressel.tar.gz: FAILED")
    assert not [line for line in told if "installed" in line]
    assert asked == ["enable --now ssh"]


@pytest.mark.parametrize("path", sorted(EXAMPLES.iterdir()), ids=lambda path: path.name)
def test_no_file_for_a_card_is_taken_for_the_settings(path: Any) -> None:
    assert not re.fullmatch(r"(?i)pressel\.ya?ml(\.txt)?", path.name)
    assert path.read_text().isascii(), "so that every editor shows the same"
