"""The card's import as units of a real system: before the daemon, in its sandbox, in time."""

from __future__ import annotations

import time
from collections.abc import Callable

from appliance.system import System
from daemon.running import KEY

CARD = "/boot/firmware"
IMPORT_S = 1.5
GOOD = """\
version: 1
server: {{url: "{url}", profile: local, api_key: "{key}"}}
microphone: {{device: microphone, echo: hardware}}
speaker: {{device: speaker, volume: 100}}
"""
BAD = GOOD.replace("speaker: {{device", "speaker: {{devise")


def insert(system: System, text: str) -> None:
    """Put a card into the machine, with nothing else that would configure it."""
    given = text.format(url=system.server.url, key=KEY)
    system.run(f"mkdir -p {CARD}")
    system.write(f"{CARD}/pressel.yaml", given)


def start(system: System) -> None:
    """What the machine does at its start."""
    system.run("systemctl start pressel-provision pressel pressel-report")


def bare(system: System) -> None:
    """As it leaves the factory."""
    system.run("rm -f /etc/pressel/pressel.yaml /etc/pressel/credentials.d/*")


def told(system: System) -> str:
    return system.run(f"cat {CARD}/pressel-status.txt").replace("\r", "")


def test_a_card_and_nothing_else_makes_a_device_that_answers(system: System) -> None:
    bare(system)
    insert(system, GOOD)
    start(system)
    system.light("idle")  # a server that wants this key has let it in
    system.run("systemctl start pressel-report")
    assert "STATUS: OK. The settings of pressel.yaml are in use." in told(system)
    assert "it says: ready; the microphone is closed" in told(system)
    assert KEY not in system.run(f"cat {CARD}/* /etc/pressel/pressel.yaml")
    assert KEY not in system.run("journalctl -q -o export --all")
    assert system.run("cat /etc/pressel/credentials.d/api_key") == KEY
    assert system.run("stat -c %a /etc/pressel/credentials.d/api_key") == "600\n"
    assert system.journal(PRESSEL_EVENT="ready"), "the daemon runs as always"
    said = system.run("journalctl -q -o cat -u pressel-provision PRESSEL_EVENT=imported")
    assert "the settings of pressel.yaml are in force" in said


def test_a_mistake_leaves_the_device_as_it_was_and_the_light_tells(system: System) -> None:
    insert(system, GOOD)
    start(system)
    system.light("idle")
    system.run("systemctl stop pressel pressel-provision")
    insert(system, BAD)
    start(system)
    system.light("fault")
    assert system.status()["code"] == "config"
    assert "line 4, column 11: 'devise' is not a setting in speaker; did you mean device?" in (
        told(system)
    )
    assert system.run("systemctl is-failed pressel-provision", check=False) != "failed\n"


def test_the_import_is_over_in_time(
    system: System, record_property: Callable[[str, object], None]
) -> None:
    insert(system, GOOD)
    begun = time.monotonic()
    system.run("systemctl start pressel-provision")
    took_s = time.monotonic() - begun
    record_property(f"import of the card, {system.suite}", f"{took_s:.2f} s")
    assert took_s < IMPORT_S


def test_a_card_that_cannot_be_written_is_stated_and_nothing_is_lost(system: System) -> None:
    bare(system)
    insert(system, GOOD)
    system.run(f"mount --bind {CARD} {CARD} && mount -o remount,bind,ro {CARD}")
    start(system)
    system.light("idle")
    said = system.run("journalctl -q -o cat -u pressel-provision")
    assert "the key is still on the card" in said
    assert "pressel-status.txt cannot be written" in said


def test_a_full_disk_is_told_at_once_and_two_minutes_later_too(system: System) -> None:
    insert(system, GOOD)
    system.run(
        "mount -t tmpfs -o size=16k full /etc/pressel && mkdir /etc/pressel/credentials.d; "
        "dd if=/dev/zero of=/etc/pressel/all bs=1k 2>/dev/null || true"
    )
    system.run("systemctl start pressel-provision", check=False)
    assert "Status=69" in system.run("systemctl show -p ExecMainStatus pressel-provision")
    assert "STATUS: NOT STORED" in told(system)
    system.run("systemctl start pressel-report")
    assert "STATUS: NOT STORED" in told(system), "what was wrong outlives the failed unit"
    system.run("umount /etc/pressel; systemctl start pressel-provision")
    assert "STATUS: OK. The settings of pressel.yaml are in use." in told(system)


def test_a_machine_without_a_card_starts_nothing_of_this(system: System) -> None:
    system.run("rm -rf /boot/firmware; systemctl start pressel-provision pressel-report")
    for unit in ("pressel-provision", "pressel-report"):
        assert "ConditionResult=no" in system.run(f"systemctl show -p ConditionResult {unit}")


def test_the_import_can_write_the_card_and_its_own_and_nothing_else(system: System) -> None:
    tries = "/etc/passwd /etc/ssh/x /etc/pressel/x /opt/pressel/x /root/x /usr/x /var/lib/x /run/x"
    insert(system, GOOD)
    system.write(
        "/etc/systemd/system/pressel-provision.service.d/try.conf",
        "[Service]\nExecStart=\nExecStart=-/bin/sh -c 'for one in "
        f"{tries} /boot/x {CARD}/x; do (echo >>$one) 2>/dev/null && echo WROTE $one; done'\n",
    )
    system.run("systemctl daemon-reload && systemctl start pressel-provision")
    said = system.run("journalctl -q -o cat -u pressel-provision").splitlines()
    wrote = {line.split()[1] for line in said if line.startswith("WROTE")}
    assert wrote == {"/etc/pressel/x", f"{CARD}/x"}
