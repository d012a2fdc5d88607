"""Everything that the journal can say, one fixed message id each (systemd.journal-fields(7)).

A line about a trouble carries the trouble's own id (`troubles.py`); all other events have theirs
here. `systemd/pressel.catalog` is made of both, so `journalctl -x` explains each line. An id never
changes once released.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from device.troubles import TROUBLES


class Message(Struct, frozen=True):
    """One kind of line: its id, its subject, and what a reader should know."""

    message_id: str
    subject: str
    text: str


# fmt: off
MESSAGES: Final[Mapping[str, Message]] = {
    "ready": Message("7ffb4bd548de4097b56a5cdffc03844a",
        "Pressel is ready",
        "A press would be answered. Network and sound may still be missing: their own lines tell."),
    "imported": Message("85cf5eaf20e74a8d8930ce0bd339df44",
        "The settings of the SD card are in force",
        "They were read at this start and are right. What was there before is kept beside them, as "
        "/etc/pressel/previous.yaml."),
    "card": Message("20695064f75d47d48c201091b7974e30",
        "Something about the SD card is worth knowing",
        "pressel-status.txt on the card says the same, where it could be written."),
    "stopped": Message("dd1acfc0fb1f4cf1ac701714ce617a20",
        "Pressel has stopped",
        "It was asked to. The microphone is closed."),
    "gate": Message("5bb1319b517f4b8b8c67ad114a3e85e8",
        "The microphone was opened or closed",
        "PRESSEL_STATE says which, PRESSEL_HOW by what (tap or hold). While it is open the light "
        "says so, and the kernel's /proc/asound/*/pcm*c/sub*/status is not 'closed'."),
    "light": Message("93ba4c1a7e084206ad3318109598e05e",
        "The light has changed",
        "PRESSEL_STATE is its new state, PRESSEL_CODE the trouble it tells of. hardware.md shows "
        "how each looks."),
    "link": Message("e9c09aa92afd463a8bed560b4a7d48e7",
        "The connection to the server has changed",
        "PRESSEL_STATE is up or down. Words spoken while it is down wait, up to 30 s of them."),
    "renew": Message("96cc2cb05320431d9559c72dcc9270c1",
        "A new session could not be opened in advance",
        "The present one goes on; it is tried again. PRESSEL_CODE names the reason."),
    "turn": Message("74dc74fcdd71419196d643f6509facbe",
        "A turn is over",
        "One question and its answer, with its times in milliseconds: from the press to the first "
        "sound sent, from the end of the question to the answer's first sound received, and on to "
        "the loudspeaker; what was heard of what was received; tokens."),
    "said": Message("5766982d8af946e3bcdb5549c66312ef",
        "What somebody said",
        "Written because log.transcripts is true; think of everyone in the room. Of an answer what "
        "was heard of it."),
    "nothing-heard": Message("4ea850f353924db0ba63dd2d7907909e",
        "The button was held and nothing was said",
        "If something was said: speak closer, or see the levels with `pressel check`."),
    "slow": Message("a8d16caebf574ed6992b7c5cf0552d47",
        "An answer is slow to come",
        "PRESSEL_WAITED_S seconds have passed without a sound of it. It is waited for, and at last "
        "asked for again over a new connection."),
    "xrun": Message("5ee4e910ac914dd980c3a44a5306c67e",
        "Sound was interrupted: the machine was late",
        "Some milliseconds of the @PRESSEL_PART@ were lost. Now and then is harmless; often means "
        "that something else uses the processor, or that the power supply is weak."),
    "duplex": Message("5c1cf32f0e3b4b7f9c8a51a2c9e7d013",
        "Whether a voice may interrupt has changed",
        "PRESSEL_STATE is full (a voice interrupts) or half (only the button does). It depends on "
        "how much of our own voice is taken out of the microphone's sound, which is judged while "
        "the device speaks; PRESSEL_TAKEN_DB is how much."),
    "channel": Message("f92d7a5a243c4ecfa92f255e3585c90e",
        "A channel of the microphone array was left out, or takes part again",
        "PRESSEL_CHANNEL is its number. The others are used; PRESSEL_CURE says what to do, and "
        "`pressel check` shows the level of each."),
    "bearing": Message("49f08b244c0147c4aa9ade7cda480aae",
        "Where somebody speaks",
        "PRESSEL_DEGREES from the array's +x, counter-clockwise. Of interest to developers only."),
    "recovered": Message("6aa70d1956e240a9b04b623cf8a239c7",
        "A part works again",
        "@PRESSEL_PART@ had been in trouble before."),
    "told": Message("20837a6ddf87499e9bfaba2d4d81394f",
        "A person was told of a trouble by sound",
        "They had pressed or spoken in vain. PRESSEL_CODE is what they were told of."),
    "garbage": Message("3de5b22fdebb4990ad0d137bcc661b32",
        "The server sent something that cannot be read",
        "It was passed over. If it happens often, server.url may lead to something else."),
    "error": Message("c22abf1c2b9c43a7ba7176aeac3a3349",
        "Something went wrong",
        "@PRESSEL_WHAT@. What to do: @PRESSEL_CURE@."),
    "log_dropped": Message("d8a1a63a0c8c47fe893d79a3b7ac70ff",
        "Lines of the log were lost",
        "They could not be written in time; PRESSEL_COUNT of them."),
    "loop": Message("f2eb3eb180ff41b7a6f9010e4bac7f80",
        "A socket ended twice",
        "Of interest to developers only."),
}
# fmt: on
"""By the line's `PRESSEL_EVENT`. The events `config` and `bug` are troubles."""


def message_id(event: str, code: object = None) -> str | None:
    """The id of a line: that of its trouble, else that of its event; None for neither."""
    trouble = TROUBLES.get(code if isinstance(code, str) else event)
    if trouble is not None and event != "light":
        return trouble.message_id
    message = MESSAGES.get(event)
    return None if message is None else message.message_id


def catalog() -> str:
    """The journal's message catalog, as journalctl --update-catalog reads it."""
    entries = [_entry(one.message_id, one.subject, one.text) for one in MESSAGES.values()]
    for code, trouble in TROUBLES.items():
        text = (
            f"What you notice: {trouble.notice}.\n\nWhat to do: {trouble.cure}.\n\n"
            f"The light blinks {_times(trouble.blinks)} and pauses. The code is '{code}'."
        )
        entries.append(_entry(trouble.message_id, f"Pressel: {trouble.means}", text))
    return "# Generated from device/messages.py and device/troubles.py by `make docs`.\n\n" + (
        "\n".join(entries)
    )


def _times(number: int) -> str:
    return {1: "once", 2: "twice"}.get(number, f"{number} times")


def _entry(identity: str, subject: str, text: str) -> str:
    head = f"-- {identity}\nSubject: {subject}\nDefined-By: Pressel\n"
    return f"{head}\n{text}\n"
