"""Where the device dials and with which key: from the file, from a broker, and when they change."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import pytest

from daemon.conftest import Bench
from daemon.running import KEY, RunningDevice, answer, noise
from daemon.test_check import run
from device.config import load_file
from device.destination import Destination
from device.errors import ConfigError, LinkError
from simulator.caller import live

SMALLEST = "version: 1\nmicrophone: {device: in}\nspeaker: {device: out}\n"


def broker_of(device: RunningDevice) -> dict[str, Any]:
    """A server section with the simulator itself as the broker of its keys."""
    address = device.server.url.replace("ws:", "http:", 1) + "/client_secrets"
    return {"url": device.server.url, "profile": "local", "key_url": address}


def test_a_secret_from_the_broker_opens_the_session_and_the_key_stays_unseen(bench: Bench) -> None:
    device = bench.prepare(answer(0.4))
    device.configure(server={**broker_of(device), "api_key": KEY})
    device.start()
    device.light("idle")
    device.tap()
    device.say(noise(0.4))
    device.wait_for("turn", heard_ms=400)
    device.server.drop()
    device.wait_for("link", state="up")
    assert KEY not in device.text
    assert "ek_" not in device.text


def test_a_broker_that_refuses_is_an_offline_light_with_the_code_key(bench: Bench) -> None:
    device = bench.prepare()
    device.configure(server={**broker_of(device), "api_key": "sk-wrong-0123456789abcdef"})
    device.start()
    device.light("offline", code="key")
    down = device.wait_for("link", state="down", code="key")
    assert "the key broker 127.0.0.1 refused this device (HTTP 401)" in down["message"]


def test_check_says_who_mints_the_key(patient_bench: Bench) -> None:
    device = patient_bench.prepare()
    device.configure(server={**broker_of(device), "api_key": KEY})
    _, lines = run(device)
    assert "minted by 127.0.0.1, which is shown sk-...NARY" in lines["key"]
    assert "confirmed our settings" in lines["server"]


def test_a_new_key_works_within_seconds_without_a_press_or_a_restart(bench: Bench) -> None:
    device = bench.prepare()
    server = {"url": device.server.url, "profile": "local"}
    device.configure(server={**server, "api_key": "sk-wrong-0123456789abcdef"})
    device.start()
    device.light("offline", code="key")
    time.sleep(2.0)  # a link that had merely backed off would have dialled again by now
    assert len(device.all("link")) == 1
    device.configure(server={**server, "api_key": KEY})
    device.wait_for("link", state="up")


def test_a_file_that_has_become_wrong_is_told_once_and_the_last_good_one_stays(
    bench: Bench,
) -> None:
    device = bench()
    good = device.config.read_text()
    device.config.write_text(good + "servers: {}\n")
    for _ in range(2):
        device.server.drop()
        device.wait_for("link", state="down")
        device.wait_for("link", state="up")
        (warning,) = device.all("config")
        assert warning["line"] == good.count("\n") + 1
        assert "the last good settings stay" in warning["message"]
        assert "did you mean server?" in warning["message"]


class Place:
    """A file of settings, a key of the system's, and what is dialled because of them."""

    def __init__(self, folder: Path, server: str = "") -> None:
        self.path = folder / "pressel.yaml"
        self.credential = folder / "pressel_api_key"
        self.mistakes: list[ConfigError | None] = []
        self.write(server)
        self.destination = Destination(
            load_file(self.path).config,
            path=self.path,
            environ={"CREDENTIALS_DIRECTORY": str(folder)},
            warn=self.mistakes.append,
        )

    def write(self, text: str) -> None:
        self.path.write_text(SMALLEST + text)

    async def dialled(self) -> tuple[str, str]:
        """The host and the key."""
        endpoint = await self.destination.endpoint()
        key = endpoint.headers.get("Authorization", "").removeprefix("Bearer ")
        return endpoint.url.split("/")[2], key


@live
async def test_each_dial_takes_the_file_as_it_is_then(tmp_path: Path) -> None:
    place = Place(tmp_path, "server: {url: 'wss://one.example.org', api_key: 'sk-one'}\n")
    assert await place.dialled() == ("one.example.org", "sk-one")
    assert not place.destination.changed()
    place.write("server: {url: 'wss://two.example.org', api_key: 'sk-two'}\n")
    assert place.destination.changed()
    assert await place.dialled() == ("two.example.org", "sk-two")
    assert not place.destination.changed()


@live
async def test_a_key_of_the_systems_is_noticed_too(tmp_path: Path) -> None:
    place = Place(tmp_path, "server: {api_key: 'sk-one'}\n")
    place.credential.write_text("sk-three\n")
    assert place.destination.changed()
    assert (await place.dialled())[1] == "sk-three"
    assert not place.destination.changed()


@live
async def test_a_key_of_the_systems_that_is_none_is_told_once(tmp_path: Path) -> None:
    place = Place(tmp_path, "server: {api_key: 'sk-one'}\n")
    place.credential.write_text("sk two")
    for _ in range(2):
        assert (await place.dialled())[1] == "sk-one"
    assert ["the key holds a space" in str(mistake) for mistake in place.mistakes] == [True]


@live
async def test_what_is_wrong_is_told_once_and_changes_nothing(tmp_path: Path) -> None:
    place = Place(tmp_path, "server: {api_key: 'sk-one'}\n")
    for _ in range(2):
        place.write("server: {api_key: 'sk two'}\n")
        assert (await place.dialled())[1] == "sk-one"
    place.path.unlink()
    assert (await place.dialled())[1] == "sk-one"
    place.write("server: {api_key: 'sk-four'}\n")
    assert (await place.dialled())[1] == "sk-four"
    told = [mistake and mistake.problems[0].line for mistake in place.mistakes]
    assert told == [4, 1, None], "and at last that all is right"


@live
async def test_the_sound_on_the_line_stays_as_it_was_started_with(tmp_path: Path) -> None:
    place = Place(tmp_path)
    before = (await place.destination.endpoint()).session
    place.write("server: {audio: pcmu}\nassistant: {voice: cedar}\n")
    after = (await place.destination.endpoint()).session
    assert after.audio.input.format == before.audio.input.format
    assert after.audio.output.format == before.audio.output.format
    assert after.audio.output.voice == "cedar"


@live
async def test_a_refused_secret_is_minted_anew_and_another_one_is_kept(tmp_path: Path) -> None:
    asked = 0

    async def mint(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        asked += 1
        await reader.readuntil(b"\r\n\r\n")
        body = json.dumps({"value": f"ek_{asked}", "expires_at": int(time.time()) + 600})
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
        writer.close()

    async with await asyncio.start_server(mint, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        broker = f"profile: azure, url: 'wss://a.example', key_url: 'http://127.0.0.1:{port}/'"
        place = Place(tmp_path, f"server: {{{broker}}}\n")
        keys = [(await place.dialled())[1] for _ in range(2)]
        assert not place.destination.changed()
        place.destination.refused()
        assert place.destination.changed(), "it had served for a while"
        keys.append((await place.dialled())[1])
        place.destination.refused()
        assert not place.destination.changed()
        keys.append((await place.dialled())[1])
        place.write(f"# a remark\nserver: {{{broker}}}\n")
        keys.append((await place.dialled())[1])
        place.credential.write_text("sk-token")
        keys.append((await place.dialled())[1])
    assert keys == ["ek_1", "ek_1", "ek_2", "ek_3", "ek_3", "ek_4"]
    place.credential.write_text("sk-other-token")
    with pytest.raises(LinkError, match=r"the key broker 127\.0\.0\.1 cannot be reached"):
        await place.dialled()
