"""Everything a person may set: the keys of `pressel.yaml` as types.

Attribute names are the keys of the file. Each `Meta` carries the range that is enforced and the
description that documents it; `extra` holds what the complaints need:

    unit     what a number counts
    say      how to ask for this value, where the type alone does not tell
    prose    True for text meant for a reader: typographic quotes and line breaks may stand in it

Nothing here is checked on construction: `device.config.parse` is the door, and it checks all of it.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from device.config import boards
from device.config.panel import Button as Button
from device.config.panel import Led as Led
from device.config.panel import Mute as Mute
from device.config.panel import Panel
from device.config.panel import Rgb as Rgb
from device.config.panel import Ring as Ring
from device.config.profiles import Name
from device.errors import Secret

VERSION: Final = 1
"""The format this Pressel reads."""

Device = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=200,
        extra={"say": 'the ALSA name in quotes, such as "plughw:CARD=ArrayUAC10"'},
    ),
]
Clock = Annotated[
    str,
    Meta(
        pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$",
        extra={"say": 'a time of day in quotes, such as "22:00"'},
    ),
]
Channel = Annotated[int, Meta(ge=0, le=31)]
Place = Annotated[tuple[Annotated[float, Meta(ge=-1000, le=1000)], ...], Meta(max_length=2)]


class _Section(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One part of the file."""


class Server(_Section, frozen=True, kw_only=True):
    """Which Realtime server answers, and what opens it."""

    url: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=2000,
            description="Realtime endpoint, wss:// (ws:// on this machine or with allow_insecure)",
            extra={"say": 'an address such as "wss://api.openai.com/v1/realtime"'},
        ),
    ] = "wss://api.openai.com/v1/realtime"
    profile: Annotated[
        Name,
        Meta(description="How this server wants to be addressed"),
    ] = "openai"
    model: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=200,
            description="Model name, or the deployment name on Azure",
            extra={"say": 'a model name such as "gpt-realtime-2.1"'},
        ),
    ] = "gpt-realtime-2.1"
    api_key: Annotated[
        Secret | None,
        Meta(
            description="The key; a system credential and PRESSEL_API_KEY go before it",
            extra={"say": 'the key in quotes, such as "sk-..."'},
        ),
    ] = None
    key_url: (
        Annotated[
            str,
            Meta(
                min_length=1,
                max_length=2000,
                description="Address of a broker that mints short-lived client secrets",
                extra={"say": 'an address such as "https://keys.example.org/pressel"'},
            ),
        ]
        | None
    ) = None
    audio: Annotated[
        Literal["pcm16", "pcmu", "pcma"],
        Meta(description="Sound on the line: whole, or a telephone's (G.711) for thin links"),
    ] = "pcm16"
    keep_warm: Annotated[
        Literal["always"] | Annotated[float, Meta(ge=1, le=55)],
        Meta(
            description="How long an idle connection is kept; the next press opens it again",
            extra={"say": "always, or a number of minutes from 1 to 55"},
        ),
    ] = "always"
    patience_s: Annotated[
        float,
        Meta(
            ge=5,
            le=60,
            description="No sign of a reply for so long: connect anew and ask again",
            extra={"unit": "seconds"},
        ),
    ] = 12.0
    allow_insecure: Annotated[
        bool,
        Meta(description="Allow ws:// to another machine: voice and key travel unencrypted"),
    ] = False


class Assistant(_Section, frozen=True, kw_only=True):
    """Who answers, and how."""

    instructions: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=16_000,
            description="What the assistant is told about itself",
            extra={"say": "a sentence in quotes", "prose": True},
        ),
    ] = "You are a helpful voice in a small box. Answer briefly."
    voice: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=200,
            description="Voice of the server",
            extra={"say": "the name of a voice, such as marin or cedar"},
        ),
    ] = "marin"
    language: Annotated[
        str,
        Meta(
            pattern=r"^[a-z]{2,3}(-[A-Z]{2})?$",
            description="Language of the conversation and of the spoken failure sentences",
            extra={"say": "a language code such as en or pt-BR"},
        ),
    ] = "en"
    transcription: Annotated[
        str,
        Meta(
            # One spelling of "none": any other would be taken for the name of a model.
            pattern=r"^(none|(?!(?i:none|null|off|no|false)$)[\w.:/-]{1,200})$",
            description="Model that writes down what you say, to be remembered across a drop",
            extra={"say": "none, or a model name such as gpt-transcribe"},
        ),
    ] = "none"
    eagerness: Annotated[
        Literal["low", "medium", "high", "auto"],
        Meta(description="How soon the server takes a pause for the end of a turn"),
    ] = "auto"
    noise_reduction: Annotated[
        Literal["near_field", "far_field", "off"],
        Meta(description="What the server does against noise; far_field for a box in a room"),
    ] = "far_field"


class Talk(_Section, frozen=True, kw_only=True):
    """What a press means."""

    style: Annotated[
        Literal["auto", "tap", "hold"],
        Meta(description="auto: a short press is a tap, a longer one is a hold"),
    ] = "auto"
    release: Annotated[
        Literal["commit", "server"],
        Meta(description="What ends a held turn: the release itself, or the server after it"),
    ] = "commit"
    wake: Annotated[
        Literal["none", "voice"],
        Meta(description="voice: loud speech opens the microphone too, so it stays open in RAM"),
    ] = "none"
    interrupt: Annotated[
        Literal["voice", "server"],
        Meta(description="Who silences an answer at a voice: the device at once, or the server"),
    ] = "voice"
    linger_s: Annotated[
        float,
        Meta(
            ge=0.5,
            le=600,
            description="Quiet time after which a tapped conversation closes the microphone",
            extra={"unit": "seconds"},
        ),
    ] = 8.0


class Microphone(_Section, frozen=True, kw_only=True):
    """Where speech comes in."""

    device: Annotated[Device, Meta(description="ALSA capture device, by name")]
    chunk_ms: Annotated[
        int,
        Meta(
            ge=20,
            le=100,
            multiple_of=20,
            description="Audio per message to the server, in whole periods of 20 ms",
            extra={"unit": "ms"},
        ),
    ] = 40
    channels: Annotated[
        int, Meta(ge=1, le=32, description="Channels to open the microphone with")
    ] = 1
    use: Annotated[
        Channel
        | Annotated[tuple[Channel, ...], Meta(min_length=1, max_length=32)]
        | Literal["best", "beam"],
        Meta(
            description="One channel, several to average, the best one, or a beam",
            extra={"say": "a channel such as 0, a list such as [1, 2], best or beam"},
        ),
    ] = 0
    geometry: Annotated[
        Annotated[tuple[Place | Literal["none"], ...], Meta(max_length=32)] | Literal["none"],
        Meta(
            description="Where each channel's microphone is: [x, y] from the middle of the array; "
            "none for a channel that is no microphone",
            extra={
                "unit": "millimetres",
                "say": "a position for each channel, such as [[-29, 0], [29, 0]], or none",
            },
        ),
    ] = "none"
    loopback: Annotated[
        Channel | Literal["none"],
        Meta(
            description="The channel on which the board gives back what its loudspeaker plays",
            extra={"say": "a channel such as 5, or none"},
        ),
    ] = "none"
    preroll_ms: Annotated[
        int,
        Meta(
            ge=0,
            le=2000,
            description="Audio kept from before the press; above 0 the microphone stays open",
            extra={"unit": "ms"},
        ),
    ] = 0
    echo: Annotated[
        Literal["auto", "hardware", "software", "half_duplex"],
        Meta(description="What keeps the loudspeaker out of the microphone"),
    ] = "auto"


class Quiet(_Section, frozen=True, kw_only=True):
    """Hours in which nothing is louder than this."""

    start: Annotated[Clock, Meta(description="Local time at which they begin")]
    end: Annotated[Clock, Meta(description="Local time at which they end; past midnight, too")]
    volume: Annotated[
        int, Meta(ge=0, le=100, description="Loudness at most", extra={"unit": "percent"})
    ] = 30


class Speaker(_Section, frozen=True, kw_only=True):
    """Where the answer comes out."""

    device: Annotated[Device, Meta(description="ALSA playback device, by name")]
    volume: Annotated[
        int, Meta(ge=0, le=100, description="Loudness", extra={"unit": "percent"})
    ] = 70
    quiet: Annotated[
        Quiet | Literal["none"],
        Meta(
            description="Quiet hours",
            extra={
                "say": '{start: "22:00", end: "07:00", volume: 30} with your own times, or none'
            },
        ),
    ] = "none"
    tells_volume: Annotated[
        Annotated[int, Meta(ge=0, le=100)] | Literal["same"],
        Meta(
            description="Loudness of what is told besides answers, or the same as theirs",
            extra={"unit": "percent", "say": "a whole number from 0 to 100, or same"},
        ),
    ] = "same"
    tells: Annotated[
        Literal["nothing", "failures", "all"],
        Meta(
            description="What is told by sound besides answers: nothing; a sentence or a tone when "
            "something fails; all: also a tone when the microphone opens and closes"
        ),
    ] = "failures"
    output_delay_ms: Annotated[
        int,
        Meta(
            ge=0,
            le=500,
            description="Delay behind ALSA (amplifier, HDMI, Bluetooth), taken off what was heard",
            extra={"unit": "ms"},
        ),
    ] = 0


class Limits(_Section, frozen=True, kw_only=True):
    """What it may cost and how long it may talk."""

    daily_usd: Annotated[
        float,
        Meta(
            ge=0.01,
            le=1000,
            description="Cost of one day; a spoken warning comes at 80 %",
            extra={"unit": "US dollars"},
        ),
    ] = 2.0
    reply_s: Annotated[
        int,
        Meta(ge=1, le=3600, description="Longest answer", extra={"unit": "seconds"}),
    ] = 120


class Log(_Section, frozen=True, kw_only=True):
    """What is written down."""

    level: Annotated[
        Literal["debug", "info", "warning", "error"], Meta(description="Least important line kept")
    ] = "info"
    transcripts: Annotated[
        bool, Meta(description="Write what was said into the log: a privacy decision")
    ] = False


class Config(_Section, frozen=True, kw_only=True):
    """The whole file."""

    version: Annotated[int, Meta(ge=1, le=VERSION, description="Format of this file")]
    board: Annotated[
        boards.Name,
        Meta(
            description="The sound board: it sets what stands below microphone, speaker and panel, "
            "and whatever is typed there goes before it"
        ),
    ] = "none"
    server: Server = Server()
    assistant: Assistant = Assistant()
    talk: Talk = Talk()
    microphone: Microphone
    speaker: Speaker
    panel: Panel = Panel()
    limits: Limits = Limits()
    log: Log = Log()
