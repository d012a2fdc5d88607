"""Everything that can be wrong, one code each: the one table behind light, voice and journal.

Each failure explains itself three ways with one code: the light counts `blinks`, the voice says
`clip` (the sentences are in `device/voice`), and the journal's catalog tells what it means, what
one notices and what to do. A code that is raised anywhere and not listed here is a bug
(`tests/contract`). At the bottom of the house: imports nothing of ours.

The light counts few things, because people do: 1 network, 2 sound, 3 settings, 4 account,
5 clock, 6 server, 7 something was lost, 8 ourselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec import Struct


class Trouble(Struct, frozen=True):
    """One thing that can be wrong. All texts are clauses: no capital first, no full stop.

    `message_id` is the journal's (systemd.journal-fields(7)): it never changes once released.
    `clip` names the spoken sentence; several codes may share one; '' where none can be heard.
    """

    blinks: int
    means: str
    notice: str
    cure: str
    clip: str
    message_id: str


# fmt: off
TROUBLES: Final[Mapping[str, Trouble]] = {
    # The link: `drivers/failure.py` says when each of these is dialled again.
    "network": Trouble(1,
        "there is no way to the server, or it fell silent",
        "questions get no answer; what is said waits up to a minute and is sent when it is back",
        "check the network",
        "network", "f2e7cfd7ce62452384f4109ff6b4d789"),
    "dns": Trouble(1,
        "the server's name is not found",
        "as without a network",
        "check the network and server.url",
        "dns", "b89a8536ccb44a4e877b82519dbf2feb"),
    "clock": Trouble(5,
        "the certificate is not valid at the time that this clock shows, and nobody has set it",
        "questions get no answer until the clock is set",
        "wait for the clock to be set; a network that blocks NTP must let it through",
        "clock", "52c0ce948e5542ceb46c51c1995954ee"),
    "captive": Trouble(6,
        "a login page of the network answers in place of the server",
        "questions get no answer; the key was not shown to the page",
        "log in to this network, or use another; else check server.url",
        "captive", "9e01bf7a0de14514b1bb075673e3964e"),
    "tls": Trouble(6,
        "the certificate or the encryption of the server does not hold",
        "questions get no answer; the key was not shown",
        "check server.url and the server's certificate",
        "tls", "58b1c33038ba488895871825c1f8e8c8"),
    "key": Trouble(4,
        "the server refuses the key",
        "questions get no answer until there is another key",
        "put a new server.api_key",
        "key", "73c12ae41c4349b99add376c9f50c795"),
    "model": Trouble(3,
        "the server has no such model or address",
        "questions get no answer until the settings are changed",
        "check server.url and server.model",
        "settings", "eead544c29574e78829d11aedb0ad44e"),
    "settings": Trouble(3,
        "the server refuses our settings",
        "questions get no answer until the settings are changed",
        "check the configuration against what this server and model offer",
        "settings", "489c7cd874874671989c6424b08ae57c"),
    "quota": Trouble(4,
        "the account has no credit left",
        "questions get no answer until there is credit",
        "look after the account's billing",
        "quota", "bf05add50fcd42038fd291088290972e"),
    "policy": Trouble(4,
        "the server ends the connection by its policy",
        "questions get no answer",
        "ask the server's owner why",
        "policy", "653fd0c4c35e443aa7532f022d20b3b6"),
    "rate": Trouble(6,
        "the server asks for patience",
        "answers come late",
        "wait; if it happens often, raise the account's limits",
        "server", "53b8694a824e4f4295f088d042e7d342"),
    "server": Trouble(6,
        "the server has trouble of its own",
        "questions get no answer for a while",
        "wait; the server's status page may know more",
        "server", "3566cd417a8b431f885b7288481e4681"),
    "protocol": Trouble(6,
        "what answers does not speak the Realtime dialect",
        "questions get no answer",
        "check server.url",
        "settings", "2ff092189afb4252928e6e80beb26eee"),
    "too-big": Trouble(8,
        "a message was larger than one side takes: a bug",
        "one question gets no answer",
        "report it with the journal's lines",
        "bug", "42cbc1064b9741d0a785bd545b227669"),
    # The microphone and the speaker: tried again by name every 2 s.
    "microphone-absent": Trouble(2,
        "the microphone is not there",
        "a press opens nothing",
        "plug it in, or set microphone.device to a name that `pressel devices` lists",
        "microphone-absent", "3a727cb07c0146348cad9074d8bba143"),
    "microphone-busy": Trouble(2,
        "another program uses the microphone",
        "a press opens nothing",
        "stop that program, or set microphone.device to another card",
        "microphone-busy", "e8896cf4838043f4aeb4f8e7d0376b36"),
    "microphone-terms": Trouble(2,
        "the microphone cannot do what is asked of it",
        "a press opens nothing",
        "set microphone.device to a 'plughw:...' name, and microphone.channels to what it has",
        "settings", "32da6f511ad84a3a80557a2751b520df"),
    "microphone-lost": Trouble(2,
        "the microphone stopped in use",
        "the conversation pauses until it is back",
        "plug it in again; if nobody pulled it out, its power is weak: use a powered hub",
        "microphone-absent", "ba55391637dc4c3aaf4328d369e84e96"),
    "microphone-stalled": Trouble(2,
        "the microphone is open and delivers nothing",
        "the conversation pauses; the microphone is opened anew",
        "if it happens again, plug it in again, and see `dmesg` for its driver",
        "microphone-stalled", "1a3482309fad44e5a28c199717c91901"),
    "microphone-silent": Trouble(2,
        "the microphone delivers pure zeros",
        "it listens and hears nothing",
        "unmute it (a switch on the device, or alsamixer), or use another channel",
        "microphone-silent", "0e9613f5ff1240699a1a2969cb333883"),
    "microphone-clips": Trouble(2,
        "the microphone is set too loud: all that it delivers is distorted",
        "it listens, and may misunderstand",
        "lower its gain (alsamixer, capture), or speak from farther away",
        "", "c3a17fa47990409d9479aab00514995b"),
    "microphone-xruns": Trouble(2,
        "the sound of the microphone breaks off again and again: the machine is too slow",
        "words have gaps",
        "end what else runs here, use the official power supply, or raise microphone.chunk_ms",
        "too-slow", "de6dfdf41d4b4191a61afcff079fc059"),
    "speaker-absent": Trouble(2,
        "the speaker is not there",
        "answers cannot be heard",
        "plug it in, or set speaker.device to a name that `pressel devices` lists",
        "", "4fe6d47b988f4d4a89d1081ca01b2bfe"),
    "speaker-busy": Trouble(2,
        "another program uses the speaker",
        "answers cannot be heard",
        "stop that program, or set speaker.device to another card",
        "", "bd49c06b20d94d2298fb8ace35f80a4e"),
    "speaker-terms": Trouble(2,
        "the speaker cannot do what is asked of it",
        "answers cannot be heard",
        "set speaker.device to a 'plughw:...' name, which converts",
        "", "6418ed2e28784dffa9a4ab437f1d2ea4"),
    "speaker-lost": Trouble(2,
        "the speaker stopped in use",
        "the answer broke off; the server was told what was heard of it",
        "plug it in again; if nobody pulled it out, its power is weak: use a powered hub",
        "", "68acc919741d4563bd652847fecb99b0"),
    "speaker-stalled": Trouble(2,
        "the speaker is open and takes nothing",
        "the answer broke off; the speaker is opened anew",
        "if it happens again, plug it in again, and see `dmesg` for its driver",
        "", "36ea9b9e794646a4afac6ecc78f72965"),
    "speaker-xruns": Trouble(2,
        "the sound of the speaker breaks off again and again: the machine is too slow",
        "answers stutter",
        "end what else runs here, or use the official power supply",
        "too-slow", "496415f8d4c04ce6a9e2adf42c647352"),
    # The rest of the device.
    "panel": Trouble(3,
        "the button or the light cannot be had",
        "the button does nothing; where a mute switch cannot be read, the microphone stays closed",
        "see that no two parts and no other program use the same pin",
        "settings", "db4ba0b925944b82bb44e80bbf262373"),
    "config": Trouble(3,
        "the configuration has a mistake; the last good one stays in use",
        "changes have no effect",
        "correct the line that the journal names; `pressel config` checks the file",
        "config", "8b10daf3f87f4c7fbef282a48c52fb95"),
    "state": Trouble(3,
        "what a restart must remember cannot be written down",
        "a mute button is unmuted after a restart",
        "see whether the card is full or read-only",
        "", "48f96e2311b646eeb0db72852d47104f"),
    "late": Trouble(8,
        "a part of the daemon has stopped answering",
        "it heals itself, at last by a new start within half a minute",
        "report it with the journal's lines",
        "bug", "aa74edca0b864779ab11399071dcc885"),
    "bug": Trouble(8,
        "the daemon met a bug of its own and starts anew",
        "the conversation is forgotten",
        "report it with the journal's lines",
        "bug", "9f49d45b0dda4f9591fdf702ec494928"),
    # What was lost on the way.
    "lost-words": Trouble(7,
        "words were lost: the link was down for too long",
        "a falling tone; what was said will not be answered",
        "say it again",
        "lost", "766f162fa5594fcf9701570920a6319d"),
    "no-answer": Trouble(7,
        "the link was lost before an answer came",
        "no answer",
        "ask again",
        "lost", "d09c919794b0496d91b21a13f624ef2c"),
    "broken-answer": Trouble(7,
        "the link was lost in the middle of an answer",
        "the answer breaks off",
        "ask again",
        "lost", "055fc681f45e4a118c3b37e4e4706b20"),
}
# fmt: on
"""Every code of the light, of `PRESSEL_CODE=` in the journal, and of the voice."""

CLIPS: Final = tuple(dict.fromkeys(one.clip for one in TROUBLES.values() if one.clip))
"""The names of all spoken sentences, each once."""
