"""Does it start, speak, explain itself, and end?"""

from __future__ import annotations

import json
import time

import pytest

from appliance.system import System
from daemon.running import KEY, noise
from device.troubles import TROUBLES

READY_S = 2.0
END_S = 2.0


def microphone_is_closed(system: System) -> bool:
    events = system.card.events("capture")
    return not events or events[-1].what in ("close", "unplug")


def test_it_is_ready_within_two_seconds_of_its_start(system: System) -> None:
    begun = time.monotonic()
    system.start()
    took = time.monotonic() - begun
    assert took < READY_S
    assert system.show("ActiveState", "Result") == {"ActiveState": "active", "Result": "success"}


def test_it_is_ready_without_network_sound_or_key(system: System) -> None:
    system.server.stop_accepting()
    system.card.unplug()
    system.run("rm /etc/pressel/credentials.d/*")
    system.start()
    assert system.show("ActiveState")["ActiveState"] == "active"
    system.light("fault")


def test_a_person_speaks_with_it(system: System) -> None:
    system.start()
    system.light("idle")
    begun = time.monotonic()
    system.run("pressel tap")
    system.wait_for(lambda: system.card.events("capture"), "an open microphone")
    system.card.say(noise(0.6))
    system.wait_for(lambda: system.card.heard(begun).any(), "an answer")
    turn = system.wait_for(lambda: system.journal(PRESSEL_EVENT="turn"), "its turn")[0]
    assert int(turn["PRESSEL_HEARD_MS"]) > 0
    assert turn["_SYSTEMD_UNIT"] == "pressel.service"
    assert turn["SYSLOG_IDENTIFIER"] == "pressel"
    assert turn["PRIORITY"] == "6"


def test_the_key_comes_as_a_credential_and_nowhere_else(system: System) -> None:
    system.start()
    system.light("idle")  # a server that wants this key has let it in
    pid = system.show("MainPID")["MainPID"]
    for place in (f"/proc/{pid}/environ", f"/proc/{pid}/cmdline", "/etc/pressel/pressel.yaml"):
        assert KEY not in system.run(f"tr '\\0' '\\n' < {place}")
    assert KEY not in system.run("journalctl -q -o export --all")
    assert system.run("stat -c %a /etc/pressel/credentials.d") == "700\n"


@pytest.mark.parametrize("state", ["idle", "listening", "speaking", "offline", "fault", "muted"])
def test_it_ends_within_two_seconds_with_a_closed_microphone(system: System, state: str) -> None:
    bring_to(system, state)
    begun = time.monotonic()
    system.run("systemctl stop pressel")
    assert time.monotonic() - begun < END_S
    assert system.show("Result", "ExecMainStatus") == {"Result": "success", "ExecMainStatus": "0"}
    assert microphone_is_closed(system)


def bring_to(system: System, state: str) -> None:
    if state == "offline":
        system.server.stop_accepting()
    if state == "fault":
        system.card.unplug()
    if state == "muted":  # a switch that cannot be read counts as closed
        system.configure(panel={"mute": {"gpio": 24}})
    begun = time.monotonic()
    system.start()
    if state in ("offline", "fault", "muted"):
        system.light(state)
        return
    system.light("idle")
    if state == "idle":
        return
    system.run("pressel tap")
    system.light("listening")
    if state == "speaking":
        system.card.say(noise(0.6))
        system.wait_for(lambda: system.card.heard(begun).any(), "an answer")


def test_a_journald_that_starts_anew_is_survived(system: System) -> None:
    system.start()
    system.light("idle")
    system.run("systemctl restart systemd-journald")
    system.run("pressel tap")
    system.wait_for(lambda: system.journal(PRESSEL_EVENT="gate"), "a line in the new journal")
    assert system.show("NRestarts")["NRestarts"] == "0"


def test_the_catalog_explains_a_fault(system: System) -> None:
    system.card.unplug()
    system.start()
    trouble = TROUBLES["microphone-absent"]
    found = system.wait_for(
        lambda: system.journal(MESSAGE_ID=trouble.message_id), "the microphone's fault"
    )
    assert found[0]["PRESSEL_CODE"] == "microphone-absent"
    said = system.run(f"journalctl -q -x MESSAGE_ID={trouble.message_id}")
    for words in (trouble.notice, trouble.cure.split(",")[0]):
        assert words in " ".join(said.split())


def test_its_exposure_is_at_most_1_2(system: System) -> None:
    system.run(
        "systemd-analyze security --no-pager --offline=true --threshold=12"
        " /etc/systemd/system/pressel.service"
    )


def test_status_is_a_sentence(system: System) -> None:
    system.start()
    system.light("idle")
    text = system.show("StatusText")["StatusText"]
    assert len(text.split()) > 1, text
    assert json.loads(system.run("pressel status --json"))["light"] == "idle"
