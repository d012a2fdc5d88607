"""What the configuration means to each part: from the words of the file to the parts' own types."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final, Literal
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from msgspec import UNSET, UnsetType

from device.config import Assistant, Config, profile_of
from device.core import terms
from device.core.audio import Format, Frames, frames_of
from device.core.habits import Habits
from device.core.limiter import Limiter
from device.core.loudness import Loudness, Quiet
from device.core.spent import price_of
from device.drivers.aloud import Aloud
from device.drivers.lamps import Ring
from device.drivers.link import Endpoint
from device.drivers.panel import Pins
from device.errors import Secret

if TYPE_CHECKING:
    from device.core.array import Array
    from device.core.telephone import Telephone
    from device.drivers.ear import Ear

BACKSTOP_S: Final = {"high": 1.2, "medium": 2.5, "auto": 2.5, "low": 4.0}
"""With `talk.release: server`: how long the server may think before we commit, by eagerness."""


DUPLEX: Final[Mapping[str, Literal["full", "half", "guarded"]]] = {
    "hardware": "full",
    "half_duplex": "half",
    "software": "guarded",
    "auto": "guarded",
}
"""By `microphone.echo`: who takes our own voice out of the microphone's sound."""


FORMATS: Final[Mapping[str, terms.LineFormat]] = {
    "pcm16": terms.PcmFormat(),
    "pcmu": terms.PcmuFormat(),
    "pcma": terms.PcmaFormat(),
}
"""What `server.audio` asks for, in both directions."""


def habits(config: Config) -> Habits:
    """How the device converses."""
    talk, server = config.talk, config.server
    return Habits(
        style=talk.style,
        release=talk.release,
        duplex=DUPLEX[config.microphone.echo],
        output_delay_s=config.speaker.output_delay_ms / 1000,
        tells=config.speaker.tells,
        linger_s=talk.linger_s,
        backstop_s=BACKSTOP_S[config.assistant.eagerness],
        wake=talk.wake,
        interrupt=talk.interrupt,
        preroll=frames_of(config.microphone.preroll_ms),
        patience_s=server.patience_s,
        transcripts=config.log.transcripts,
        price=price_of(server.model) if server.profile != "local" else None,
        keep_warm_s=None if server.keep_warm == "always" else server.keep_warm * 60,
    )


def aloud(config: Config) -> Aloud | None:
    """What a canceller has to know of the loudspeaker; None where there is to be none."""
    return Aloud() if guarded(config) else None


def ear(aloud: Aloud | None) -> Callable[[], Ear] | None:
    """What makes the ear that hears no echo, in the thread that listens; None where none is meant.

    Raises `EchoError` there when no canceller is installed.
    """
    return None if aloud is None else lambda: cancelling(aloud)


def cancelling(aloud: Aloud) -> Ear:
    """The ear with the best canceller there is. Raises `EchoError` when none is installed."""
    from device.drivers.ear import Ear
    from device.drivers.echo import canceller

    return Ear(canceller(), aloud)


def loopback(config: Config) -> int | None:
    """The channel that tells the canceller what is played; None where the playout tells it."""
    channel = config.microphone.loopback
    return None if channel == "none" or not guarded(config) else channel


def limiter(config: Config) -> Limiter | None:
    """What keeps the loudspeaker from distorting, where a canceller has to know what it plays."""
    return Limiter.at() if guarded(config) else None


def guarded(config: Config) -> bool:
    """Whether a canceller of ours is meant to take our own voice away."""
    return DUPLEX[config.microphone.echo] == "guarded"


def capture_format(config: Config) -> Format:
    """How the microphone is opened: always at 24 kHz; ALSA's `plug` converts where needed."""
    return Format(channels=config.microphone.channels)


def used_channels(config: Config) -> tuple[int, ...]:
    """The channels that are heard, or may be: of an array all its microphones."""
    use = config.microphone.use
    if isinstance(use, str):
        return tuple(positions(config) or range(config.microphone.channels))
    return (use,) if isinstance(use, int) else tuple(use)


def positions(config: Config) -> dict[int, tuple[float, float]]:
    """Where the microphone of each channel is, in metres; empty where nobody says it."""
    places = config.microphone.geometry
    listed = () if places == "none" else enumerate(places)
    return {n: (at[0] / 1000, at[1] / 1000) for n, at in listed if at != "none"}


def array(config: Config) -> Array | None:
    """What hears with several channels; None for one channel, or a plain average."""
    use = config.microphone.use
    if not isinstance(use, str):
        return None
    from device.core.array import Array  # for those who have one: numpy is a third of the start

    return Array(use, channels=config.microphone.channels, geometry=positions(config) or None)


def block_length(config: Config) -> Frames:
    """Audio per message to the server."""
    return frames_of(config.microphone.chunk_ms)


def gain(config: Config) -> float:
    """Volume 0 to 100 as a factor; squared, which sounds even to the ear."""
    return _factor(config.speaker.volume)


def loudness(config: Config) -> Loudness:
    """How loud which sound is at what time."""
    speaker = config.speaker
    quiet = speaker.quiet
    return Loudness(
        answers=_factor(speaker.volume),
        tells=_factor(speaker.volume if speaker.tells_volume == "same" else speaker.tells_volume),
        quiet=None
        if quiet == "none"
        else Quiet(_minute(quiet.start), _minute(quiet.end), _factor(quiet.volume)),
    )


def _factor(volume: int) -> float:
    return (volume / 100) ** 2


def _minute(clock: str) -> int:
    hour, minute = clock.split(":")
    return int(hour) * 60 + int(minute)


def latency(config: Config) -> Frames:
    """The part of the way to the ear that ALSA cannot know."""
    return frames_of(config.speaker.output_delay_ms)


def unsure(config: Config) -> Frames:
    """How much less of the server's sound was heard than of ours: a telephone's filter is late."""
    if config.server.audio == "pcm16":
        return Frames(0)
    from device.core.telephone import DELAY

    return DELAY


def line(config: Config) -> Telephone | None:
    """What stands between our sound and the line's; None where they are the same."""
    form = config.server.audio
    if form == "pcm16":
        return None
    from device.core.telephone import Telephone  # for those who have one: a 50th of the start

    return Telephone(form)


def pins(config: Config) -> Pins:
    """The pins of button, light and switch."""
    panel = config.panel
    button, led, rgb, mute = panel.button, panel.led, panel.rgb, panel.mute
    ring = panel.ring
    return Pins(
        button=None if button == "none" else button.gpio,
        pull="up" if button == "none" else button.pull,
        led=None if led == "none" else led.gpio,
        rgb=None if rgb == "none" else (rgb.red, rgb.green, rgb.blue),
        mute=None if mute == "none" else mute.gpio,
        toggle=mute != "none" and mute.kind == "button",
        ring=None
        if ring == "none"
        else Ring(
            leds=ring.leds,
            bus=f"/dev/spidev{ring.spi}",
            power=None if ring.power == "none" else ring.power,
            most=ring.brightness / 100,
            zero=None if ring.zero == "none" else ring.zero,
            clockwise=ring.clockwise,
        ),
    )


def endpoint(config: Config, key: Secret | None, *, minted: bool = False) -> Endpoint:
    """Where to dial, with which key and which settings. `minted`: the key is a client secret."""
    headers = {}
    if key is not None:
        profile = profile_of("openai" if minted else config.server.profile)
        headers[profile.key_header] = profile.key_prefix + key.reveal()
    pong_s = profile_of(config.server.profile).pong_s
    return Endpoint(address(config), headers, session(config), pong_s)


def address(config: Config) -> str:
    """The whole address: the path of the profile where none is given, and the model."""
    server = config.server
    parts = urlsplit(server.url)
    path = parts.path if parts.path.strip("/") else profile_of(server.profile).path
    query = [*parse_qsl(parts.query), ("model", server.model)]
    return urlunsplit(parts._replace(path=path, query=urlencode(query)))


def session(config: Config) -> terms.Session:
    """The settings we ask the server for."""
    assistant = config.assistant
    quiet = assistant.noise_reduction
    form = FORMATS[config.server.audio]
    return terms.Session(
        instructions=assistant.instructions,
        audio=terms.SessionAudio(
            input=terms.AudioInput(
                turn_detection=terms.SemanticVad(eagerness=assistant.eagerness),
                noise_reduction=None if quiet == "off" else terms.NoiseReduction(quiet),
                transcription=_transcription(assistant),
                format=form,
            ),
            output=terms.AudioOutput(voice=assistant.voice, format=form),
        ),
    )


def _transcription(assistant: Assistant) -> terms.Transcription | UnsetType:
    """What the person says as text, when it is wanted; a three-letter language is not named."""
    if assistant.transcription == "none":
        return UNSET
    language = assistant.language.partition("-")[0]
    return terms.Transcription(assistant.transcription, language if len(language) == 2 else None)
