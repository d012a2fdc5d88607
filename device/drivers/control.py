"""The control socket: four words to a running daemon, for remote support and for tests.

A datagram socket in the runtime directory: nothing listens, nothing is accepted, and no port is
open. A caller sends one word and gets one JSON object back at the address it has bound. Only root
and the daemon's own user are heard; the kernel says who calls (unix(7), SCM_CREDENTIALS).
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import socket
import stat
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from device.errors import ControlUnavailable

WORDS: Final = ("tap", "press", "release", "status")
"""All there is to say to a daemon."""

_SOCKET_NAME: Final = "control.sock"
_WORD_BYTES: Final = 64
_REPLY_BYTES: Final = 65_536
_WORDS_PER_TURN: Final = 8
"""A flood of words may not keep the loop from the audio; the rest waits for the next turn."""

_CREDENTIALS: Final = struct.Struct("3i")  # struct ucred: pid, uid, gid


class Control:
    """The daemon's end: hears words, answers each with what `receive` returns.

    Must be made inside the running event loop, which calls `receive` with one of `WORDS`; it
    returns the reply, one JSON object. What is not a word, too long, or from another user is
    answered `{"error": sentence}` and never reaches `receive`. Raises `ControlUnavailable` if
    another daemon already has the directory, or if the socket cannot be made there.
    """

    def __init__(self, directory: Path, *, receive: Callable[[str], str]) -> None:
        self._path = directory / _SOCKET_NAME
        self._receive = receive
        self._socket = _bind(directory)
        self._inode = self._path.stat().st_ino
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._socket, self._read)

    def close(self) -> None:
        """Stop hearing. Removes the socket, unless a later daemon has already put its own there."""
        self._loop.remove_reader(self._socket)
        self._socket.close()
        with contextlib.suppress(OSError):
            if self._path.stat().st_ino == self._inode:
                self._path.unlink()

    def _read(self) -> None:
        for _ in range(_WORDS_PER_TURN):
            try:
                said, ancillary, _, caller = self._socket.recvmsg(
                    _WORD_BYTES + 1, socket.CMSG_SPACE(_CREDENTIALS.size)
                )
            except BlockingIOError:
                return
            reply = self._answer(said, uid=_uid(ancillary))
            # A caller that did not bind, has gone or does not read gets no answer; none waits.
            with contextlib.suppress(OSError, TypeError):
                self._socket.sendto(reply.encode(), caller)

    def _answer(self, said: bytes, *, uid: int | None) -> str:
        if uid not in (0, os.geteuid()):
            return _error("this daemon hears only root and its own user; use sudo")
        if len(said) > _WORD_BYTES:
            return _error(f"a word has at most {_WORD_BYTES} bytes; say {_one_of_words()}")
        word = said.decode("ascii", "backslashreplace")
        if word not in WORDS:
            return _error(f"unknown word {word!r}; say {_one_of_words()}")
        return self._receive(word)


def ask(directory: Path, word: str, *, timeout_s: float = 2.0) -> str:
    """Say `word` to the daemon that runs in `directory`; its reply, one JSON object.

    Waits at most `timeout_s` for each of the sending and the reply. Raises `ControlUnavailable` if
    no daemon runs there, may not be spoken to, or does not answer in time.
    """
    cure = "start it with 'pressel run', or name its directory with --runtime-dir"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as caller:
        caller.settimeout(timeout_s)
        try:
            caller.bind("")  # Linux picks a free abstract address: the reply needs one
            caller.connect(str(directory / _SOCKET_NAME))
            caller.send(word.encode())
            return caller.recv(_REPLY_BYTES).decode()
        except PermissionError:
            raise ControlUnavailable(
                f"the pressel daemon in {directory} belongs to another user",
                cure=f"say 'sudo pressel {word}'",
                code="not-allowed",
            ) from None
        except TimeoutError:
            raise ControlUnavailable(
                f"the pressel daemon in {directory} did not answer within {timeout_s:g} s",
                cure="see 'journalctl -u pressel'",
                code="no-answer",
            ) from None
        except OSError as problem:
            raise ControlUnavailable(f"no pressel daemon runs in {directory}", cure=cure) from (
                problem
            )


def _bind(directory: Path) -> socket.socket:
    path = directory / _SOCKET_NAME
    ours = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    try:
        with _alone_in(directory):
            _remove_stale(path)
            os.fchmod(ours.fileno(), 0o600)  # before bind, so it never existed with other rights
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
            ours.bind(str(path))
    except OSError as problem:
        ours.close()
        raise ControlUnavailable(
            f"the control socket {path} cannot be made: {problem.strerror or problem}",
            cure="name a short directory that exists and is yours with --runtime-dir",
            code="control",
        ) from problem
    except ControlUnavailable:
        ours.close()
        raise
    return ours


@contextlib.contextmanager
def _alone_in(directory: Path) -> Iterator[None]:
    """Two daemons starting at once must not each take the other's new socket for a stale one."""
    held = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise _already_runs(directory) from None
    finally:
        os.close(held)


def _remove_stale(path: Path) -> None:
    """Remove the socket of a daemon that has died; refuse if one answers, or if it is no socket."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise FileExistsError(0, "something that is not a socket has its name")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
        else:
            raise _already_runs(path.parent)


def _already_runs(directory: Path) -> ControlUnavailable:
    return ControlUnavailable(
        f"a pressel daemon already runs in {directory}",
        cure="stop it first, or give this one another --runtime-dir",
        code="already-runs",
    )


def _uid(ancillary: list[tuple[int, int, bytes]]) -> int | None:
    for level, kind, payload in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_CREDENTIALS):
            uid: int = _CREDENTIALS.unpack(payload)[1]
            return uid
    return None


def _one_of_words() -> str:
    return f"{', '.join(WORDS[:-1])} or {WORDS[-1]}"


def _error(sentence: str) -> str:
    return json.dumps({"error": sentence})
