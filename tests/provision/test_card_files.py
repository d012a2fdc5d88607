"""The templates for the operating system: harmless as they are, right when switched on."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from device.provision import EXAMPLES


def read(name: str, *, on: bool = False) -> Any:
    text = (EXAMPLES / name).read_text()
    if on:  # a setting, or an item of a list, and no sentence
        text = re.sub(r'(?m)^#(?=( *- )?( *)("[^"\n]*"|[a-z0-9_-]+):( |$)|( *- "))', "", text)
    return yaml.safe_load(text)


def test_as_they_are_they_change_nothing() -> None:
    assert read("user-data.example") == {"ssh_pwauth": False}, "and let nobody in"
    assert read("network-config.example") == {"network": {"version": 2}}


def test_the_first_line_tells_cloud_init_what_it_is() -> None:
    assert (EXAMPLES / "user-data.example").read_text().startswith("#cloud-config\n")


def test_switched_on_they_are_what_they_say() -> None:
    user = read("user-data.example", on=True)
    assert set(user) == {"hostname", "users", "enable_ssh", "ssh_pwauth", "timezone", "rpi"}
    (person,) = user["users"]
    assert person["lock_passwd"] is True
    assert person["ssh_authorized_keys"][0].startswith("ssh-")
    assert user["rpi"] == {"interfaces": {"spi": True}}
    wlan = read("network-config.example", on=True)["network"]["wifis"]["wlan0"]
    assert wlan["regulatory-domain"] == "DE"
    assert wlan["access-points"] == {"name of your network": {"password": "its password"}}


@pytest.mark.parametrize("path", sorted(EXAMPLES.iterdir()), ids=lambda path: path.name)
def test_no_file_for_a_card_is_taken_for_the_settings(path: Any) -> None:
    assert not re.fullmatch(r"(?i)pressel\.ya?ml(\.txt)?", path.name)
    assert path.read_text().isascii(), "so that every editor shows the same"
