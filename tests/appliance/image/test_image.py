"""The image from outside: who may log in (nobody), and what it carries of its making (nothing)."""

from __future__ import annotations

import subprocess

import pytest

from appliance.disks import Ext4, Fat
from appliance.image.machine import IMAGE, parts, why_not


@pytest.fixture(scope="module")
def image() -> tuple[Fat, Ext4]:
    reason = why_not()
    if reason:
        pytest.skip(reason)
    return parts(IMAGE)


def file(image: tuple[Fat, Ext4], path: str) -> str:
    content = image[1].read(path)
    assert content is not None, f"{path} is missing"
    return content.decode()


def label(part: Fat | Ext4) -> str:
    probe = ["blkid", "--probe", "--offset", str(part.offset), "-o", "export", str(part.image)]
    return subprocess.run(probe, capture_output=True, text=True, timeout=30).stdout


def test_its_partitions_are_named_as_on_raspberry_pi_os(image: tuple[Fat, Ext4]) -> None:
    boot, root = label(image[0]), label(image[1])
    assert "LABEL=bootfs" in boot
    assert "TYPE=vfat" in boot
    assert "LABEL=rootfs" in root
    assert "TYPE=ext4" in root


def test_the_boot_partition_is_for_root_alone(image: tuple[Fat, Ext4]) -> None:
    line = next(one for one in file(image, "/etc/fstab").splitlines() if "/boot/firmware" in one)
    assert "fmask=0177,dmask=0077" in line
    assert line.split()[-1] == "2", "a card that was torn out is mended by the next start"


def test_the_card_explains_itself(image: tuple[Fat, Ext4]) -> None:
    assert "pressel.example.yaml" in image[0].names()
    assert "pressel.yaml" not in image[0].names()


def test_nobody_can_log_in(image: tuple[Fat, Ext4]) -> None:
    shadow = [line.split(":") for line in file(image, "/etc/shadow").splitlines()]
    assert "root" in {account for account, *_ in shadow}
    assert {account for account, secret, *_ in shadow if secret[:1] not in ("!", "*")} == set()
    assert "sshd" not in image[1].names("/usr/sbin")
    for unit in ("getty@.service", "serial-getty@.service", "console-getty.service"):
        stat = f"stat /etc/systemd/system/{unit}"
        assert "/dev/null" in image[1].ask(stat), f"{unit} is not masked"


def test_each_device_makes_an_identity_of_its_own(image: tuple[Fat, Ext4]) -> None:
    assert file(image, "/etc/machine-id") == ""
    assert "random-seed" not in image[1].names("/var/lib/systemd")
    keys = [name for name in image[1].names("/etc/ssh") if name.startswith("ssh_host")]
    assert keys == []


def test_it_carries_no_trace_of_its_making(image: tuple[Fat, Ext4]) -> None:
    for folder in ("/var/lib/apt/lists", "/var/cache/apt", "/tmp", "/var/tmp", "/usr/src"):
        assert image[1].names(folder) == [], folder
    assert ".cache" not in image[1].names("/root")
    assert [name for name in image[1].names("/var/log") if name.endswith(".log")] == []
    assert "stub-resolv.conf" in image[1].ask("stat /etc/resolv.conf")
    assert [name for name in image[1].names("/etc") if name.endswith(".bak")] == []
    assert "gcc" not in image[1].names("/usr/bin")


def test_the_three_units_start_with_it(image: tuple[Fat, Ext4]) -> None:
    wanted = image[1].names("/etc/systemd/system/multi-user.target.wants")
    assert {"pressel.service", "pressel-provision.service", "pressel-report.service"} <= set(wanted)
