from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from device.drivers.control import WORDS, Control, ask
from device.errors import EXIT_UNAVAILABLE, ControlUnavailable


def in_a_daemon(
    directory: Path, talk: Callable[[], object], *, receive: Callable[[str], str] | None = None
) -> tuple[list[str], object]:
    """What the daemon's end was told, and what `talk`, run in a thread beside it, returned."""
    told: list[str] = []

    def hear(word: str) -> str:
        told.append(word)
        return receive(word) if receive else json.dumps({"took": word})

    async def daemon() -> object:
        control = Control(directory, receive=hear)
        try:
            return await asyncio.wait_for(asyncio.to_thread(talk), timeout=20)
        finally:
            control.close()

    return told, asyncio.run(daemon())


def raw(directory: Path, message: bytes) -> dict[str, str]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as caller:
        caller.settimeout(5)
        caller.bind("")
        caller.connect(str(directory / "control.sock"))
        caller.send(message)
        reply: dict[str, str] = json.loads(caller.recv(4096))
        return reply


def test_every_word_reaches_the_daemon_and_its_answer_comes_back(tmp_path: Path) -> None:
    told, replies = in_a_daemon(tmp_path, lambda: [ask(tmp_path, word) for word in WORDS])
    assert told == list(WORDS)
    assert [json.loads(reply)["took"] for reply in replies] == list(WORDS)  # type: ignore[attr-defined]


@pytest.mark.parametrize("message", [b"open", b"", b"tap\n", b"TAP", b"\xff\x00", b"tap release"])
def test_what_is_no_word_is_answered_and_never_reaches_the_daemon(
    tmp_path: Path, message: bytes
) -> None:
    told, reply = in_a_daemon(tmp_path, lambda: raw(tmp_path, message))
    assert told == []
    assert "unknown word" in reply["error"]  # type: ignore[index]
    assert "say tap, press, release or status" in reply["error"]  # type: ignore[index]


def test_a_long_message_is_refused_whole(tmp_path: Path) -> None:
    told, reply = in_a_daemon(tmp_path, lambda: raw(tmp_path, b"tap" + b" " * 62))
    assert told == []
    assert "at most 64 bytes" in reply["error"]  # type: ignore[index]


def test_the_socket_is_the_owners_alone_and_gone_after_close(tmp_path: Path) -> None:
    mode = in_a_daemon(tmp_path, (tmp_path / "control.sock").stat)[1].st_mode  # type: ignore[attr-defined]
    assert stat.S_ISSOCK(mode)
    assert stat.S_IMODE(mode) == 0o600
    assert list(tmp_path.iterdir()) == []


def test_a_caller_leaves_no_file_behind(tmp_path: Path) -> None:
    def talk() -> list[str]:
        ask(tmp_path, "status")
        return sorted(path.name for path in tmp_path.iterdir())

    assert in_a_daemon(tmp_path, talk)[1] == ["control.sock"]


def test_without_a_daemon_the_error_names_the_directory_and_exits_69(tmp_path: Path) -> None:
    with pytest.raises(
        ControlUnavailable, match=f"no pressel daemon runs in {tmp_path}"
    ) as refusal:
        ask(tmp_path, "tap")
    assert refusal.value.exit_status == EXIT_UNAVAILABLE
    assert refusal.value.cure


def dead_socket(directory: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as dead:
        dead.bind(str(directory / "control.sock"))


def test_the_socket_of_a_dead_daemon_counts_as_no_daemon_and_is_replaced(tmp_path: Path) -> None:
    dead_socket(tmp_path)
    with pytest.raises(ControlUnavailable, match="no pressel daemon runs"):
        ask(tmp_path, "tap")
    told, _ = in_a_daemon(tmp_path, lambda: ask(tmp_path, "tap"))
    assert told == ["tap"]


def test_a_second_daemon_is_refused_and_the_first_goes_on(tmp_path: Path) -> None:
    def talk() -> str:
        with pytest.raises(ControlUnavailable, match="already runs") as refusal:
            asyncio.run(second())
        assert refusal.value.code == "already-runs"
        return ask(tmp_path, "tap")

    async def second() -> None:
        Control(tmp_path, receive=str)

    assert in_a_daemon(tmp_path, talk)[0] == ["tap"]


def test_two_daemons_that_start_at_once_cannot_both_take_a_dead_ones_place(tmp_path: Path) -> None:
    dead_socket(tmp_path)
    with pytest.raises(ControlUnavailable, match="already runs"), alone_in(tmp_path):
        in_a_daemon(tmp_path, str)


@contextlib.contextmanager
def alone_in(directory: Path) -> Iterator[None]:
    held = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
    finally:
        os.close(held)


def test_a_file_that_is_no_socket_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "control.sock").write_text("precious")
    with pytest.raises(ControlUnavailable, match="not a socket"):
        in_a_daemon(tmp_path, str)
    assert (tmp_path / "control.sock").read_text() == "precious"


@pytest.mark.parametrize("directory", ["missing", "x" * 120])
def test_a_directory_that_cannot_hold_the_socket_is_named(tmp_path: Path, directory: str) -> None:
    if len(directory) > 100:
        (tmp_path / directory).mkdir()
    with pytest.raises(ControlUnavailable, match=f"{directory}/control.sock cannot be made"):
        in_a_daemon(tmp_path / directory, str)
    with pytest.raises(ControlUnavailable, match="no pressel daemon runs"):
        ask(tmp_path / directory, "tap")


def test_a_daemon_that_does_not_answer_is_said_so(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as silent:
        silent.bind(str(tmp_path / "control.sock"))
        with pytest.raises(ControlUnavailable, match=r"did not answer within 0\.1 s"):
            ask(tmp_path, "tap", timeout_s=0.1)
        for _ in range(64):  # until its queue is full: the sending has a deadline too
            with pytest.raises(ControlUnavailable, match="did not answer"):
                ask(tmp_path, "tap", timeout_s=0.01)


def test_a_caller_without_an_address_is_heard_and_harms_nobody(tmp_path: Path) -> None:
    def talk() -> str:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as mute:
            mute.sendto(b"tap", str(tmp_path / "control.sock"))
        return ask(tmp_path, "status")

    assert in_a_daemon(tmp_path, talk)[0] == ["tap", "status"]


def test_a_flood_of_words_is_answered_in_turns_of_the_loop(tmp_path: Path) -> None:
    turns: list[int] = []
    told: list[str] = []

    def hear(word: str) -> str:
        told.append(word)
        return "{}"

    async def daemon() -> None:
        control = Control(tmp_path, receive=hear)
        callers = [socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) for _ in range(10)]
        for caller in callers:  # fewer than net.unix.max_dgram_qlen, so that none waits
            caller.sendto(b"tap", str(tmp_path / "control.sock"))
            caller.close()
        while len(told) < 10 and len(turns) < 100:
            await asyncio.sleep(0)
            turns.append(len(told))
        control.close()

    asyncio.run(daemon())
    steps = [after - before for before, after in zip([0, *turns], turns, strict=False)]
    assert sum(steps) == 10
    assert max(steps) == 8


def test_files_sent_along_are_not_kept_open(tmp_path: Path) -> None:
    def open_files() -> int:
        return len(os.listdir("/proc/self/fd"))  # noqa: PTH208

    def talk() -> tuple[int, int]:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as caller:
            caller.settimeout(5)
            caller.bind("")
            caller.connect(str(tmp_path / "control.sock"))
            before = open_files()
            for _ in range(20):
                socket.send_fds(caller, [b"tap"], [0, 1, 2])
                caller.recv(4096)
            return before, open_files()

    told, counted = in_a_daemon(tmp_path, talk)
    assert isinstance(counted, tuple)
    before, after = counted
    assert told == ["tap"] * 20
    assert after == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can call as another user")
def test_another_user_is_turned_away_by_the_file_and_by_the_daemon(tmp_path: Path) -> None:
    script = f"""
import os, socket, sys
sys.path[:0] = {sys.path!r}
from pathlib import Path
from device.drivers.control import ask
from device.errors import ControlUnavailable
directory = Path({str(tmp_path)!r})
os.chdir(directory)
os.setuid(65534)
try:
    print(ask(Path("."), "tap"))
except ControlUnavailable as refusal:
    print(refusal.code)
"""

    def call() -> str:
        run = [sys.executable, "-c", script]
        return subprocess.run(run, capture_output=True, text=True, timeout=30, check=True).stdout

    def talk() -> tuple[str, str]:
        (tmp_path / "control.sock").chmod(0o600)
        by_the_file = call()
        (tmp_path / "control.sock").chmod(0o666)
        return by_the_file, call()

    for parent in (tmp_path, *tmp_path.parents):
        if parent.stat().st_uid == os.geteuid() and parent != Path("/"):
            parent.chmod(parent.stat().st_mode | 0o011)
    told, answers = in_a_daemon(tmp_path, talk)
    assert isinstance(answers, tuple)
    by_the_file, by_the_daemon = answers
    assert by_the_file.strip() == "not-allowed"
    assert "only root and its own user" in json.loads(by_the_daemon)["error"]
    assert told == []


def test_many_callers_at_once_each_get_their_own_answer(tmp_path: Path) -> None:
    answers: list[tuple[str, str]] = []

    def call(word: str) -> None:
        for _ in range(20):
            answers.append((word, json.loads(ask(tmp_path, word))["took"]))

    def talk() -> None:
        callers = [threading.Thread(target=call, args=(word,)) for word in WORDS]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join(timeout=20)

    told, _ = in_a_daemon(tmp_path, talk)
    assert len(told) == len(answers) == 80
    assert all(word == took for word, took in answers)
