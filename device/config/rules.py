"""What no single value can tell: how settings fit together, and which come later.

A rule sees the configuration and the places of what was written; it complains about places only.
"""

from __future__ import annotations

import ipaddress
import math
import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from device.config.model import Config
from device.config.profiles import profile_of
from device.config.text import Entry, Scalar, Sequence
from device.errors import Problem

Places = dict[str, Entry]

# (path, the values that wait, what happens meanwhile). Empty values: the setting as such waits.
_LATER: Final = (("limits", (), "nothing is limited: watch the cost at your provider"),)

APART_MM: Final = 30.0
"""Two microphones that are closer lose less than 3 dB below 4 kHz in the mean over all bearings."""
_PIN_NAMES: Final = ("gpio", "red", "green", "blue", "power")
_SPI_PINS: Final = ("7", "8", "9", "10", "11")
"""Taken by the kernel for the bus of a ring, chip selects included (pinout.xyz, SPI0)."""


def problems(config: Config, *, places: Places, failed: set[str]) -> Iterator[Problem]:
    """Everything that contradicts itself. A rule is silent where a value already failed."""
    if not failed & {"server.url", "server.allow_insecure"}:
        yield from _server_address(config, places=places)
    if "server.key_url" not in failed:
        yield from _broker_address(config, places=places)
    if not failed & {"server.url", "server.profile"}:
        yield from _home(config, places=places)
    if not failed & {"microphone.use", "microphone.channels"}:
        yield from _channels(config, places=places)
    if not failed & {"microphone.use", "microphone.channels", "microphone.geometry"}:
        yield from _geometry(config, places=places)
    if not failed & {"microphone.use", "microphone.channels", "microphone.loopback"}:
        yield from _loopback(config, places=places)
    if not failed & {"speaker.quiet", "speaker.quiet.start", "speaker.quiet.end"}:
        yield from _quiet(config, places=places)
    yield from _pins(config, places=places, failed=failed)


def warnings(config: Config, *, places: Places) -> Iterator[Problem]:
    """What is accepted and yet worth a line in the journal."""
    written = places.get("log.transcripts")
    if written is not None and config.log.transcripts:
        what = "log.transcripts is true: what is said in this room is written into the journal"
        cure = "tell everyone in it, or type false"
        yield Problem(written.value.line, written.value.column, what, cure)
    for path, values, meanwhile in _LATER:
        entry = places.get(path)
        if entry is None:
            continue
        section, _, name = path.partition(".")
        value = getattr(getattr(config, section), name) if name else None
        if not values:
            what = f"{path} is accepted, but this version does not do it yet"
            yield Problem(entry.key.line, entry.key.column, what, meanwhile)
        elif value in values:
            what = f"{path}: {value} is accepted, but this version does not do it yet"
            yield Problem(entry.value.line, entry.value.column, what, meanwhile)
    yield from _average(config, places=places)
    yield from _other_card(config, places=places)
    yield from _uncancelled(config, places=places)
    for section in ("microphone", "speaker"):
        device: str = getattr(config, section).device
        entry = places.get(f"{section}.device")
        if entry and re.match(r"(plug)?hw:(\d|CARD=\d+(,|$))", device):
            what = f"{section}.device names its card by number, which can change at every start"
            cure = "type it by name; pressel devices lists the names"
            yield Problem(entry.value.line, entry.value.column, what, cure)


def _other_card(config: Config, *, places: Places) -> Iterator[Problem]:
    """A board takes out of its microphone what it plays itself, and nothing else."""
    found = [re.search(r"CARD=(\w+)", one.device) for one in (config.microphone, config.speaker)]
    cards = {one[1] for one in found if one}
    entry = places.get("speaker.device") or places.get("microphone.echo")
    if config.microphone.echo == "hardware" and len(cards) == 2 and entry is not None:
        what = "microphone.echo is hardware, but the speaker is another card than the microphone"
        cure = "play through the board that listens, or type echo: auto"
        yield Problem(entry.value.line, entry.value.column, what, cure)


def _uncancelled(config: Config, *, places: Places) -> Iterator[Problem]:
    """A board cancels in a channel of its own; an array hears its microphones as they are."""
    use, entry = config.microphone.use, places.get("microphone.use")
    if config.microphone.echo == "hardware" and isinstance(use, str) and entry is not None:
        what = f"microphone.use: {use} hears what the board has not taken its own voice out of"
        cure = "type the number of the board's processed channel, or echo: auto"
        yield Problem(entry.value.line, entry.value.column, what, cure)


def _server_address(config: Config, *, places: Places) -> Iterator[Problem]:
    """An address is whole, and it is encrypted unless it stays inside this machine."""
    entry, server = places.get("server.url"), config.server
    if entry is None:
        return
    fault = _malformed(server.url, schemes=("wss", "ws"))
    cure = 'type the whole address, such as "wss://example.org/v1/realtime"'
    if not fault and _is_open(server.url, secure="wss") and not server.allow_insecure:
        fault = "is ws:// to another machine: voice and key would travel unencrypted"
        cure = "type wss://, or allow_insecure: true below server: if you want that"
    if fault:
        yield Problem(entry.value.line, entry.value.column, f"server.url {fault}", cure)


def _broker_address(config: Config, *, places: Places) -> Iterator[Problem]:
    """As the server's, but what a key travels on is never open: `allow_insecure` is not for it."""
    entry, address = places.get("server.key_url"), config.server.key_url
    if entry is None or address is None:
        return
    fault = _malformed(address, schemes=("https", "http"))
    cure = 'type the whole address, such as "https://keys.example.org/pressel"'
    if not fault and _is_open(address, secure="https"):
        fault = "is http:// to another machine: the key would travel unencrypted"
        cure = "type https://"
    if fault:
        yield Problem(entry.value.line, entry.value.column, f"server.key_url {fault}", cure)


def _home(config: Config, *, places: Places) -> Iterator[Problem]:
    """A server that is not OpenAI's has an address of its own, and nobody else can know it."""
    entry, profile = places.get("server.profile"), config.server.profile
    if entry is None or profile == "openai" or "server.url" in places:
        return
    what = f"server.profile is {profile}, but server.url does not say where that is"
    cure = f'type url: below server:, such as "{profile_of(profile).example}"'
    yield Problem(entry.value.line, entry.value.column, what, cure)


def _malformed(address: str, *, schemes: tuple[str, str]) -> str:
    """What is wrong with an address, without repeating it: it may hold a key. '' is nothing."""
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
    except ValueError:
        return "has an impossible host or port"
    if parts.scheme not in schemes:
        return f"does not begin with {schemes[0]}://"
    if not host or not re.fullmatch(r"[\w.:-]+", host) or re.search(r"\s", address):
        return "has no host, or a space in it"
    if port == 0:
        return "has an impossible host or port"
    if parts.username is not None or parts.password is not None:
        return "has a name or password in it, which would end up in logs"
    if parts.fragment or address.endswith("#"):
        return "has a # in it, which no server sees"
    return ""


def _is_open(address: str, *, secure: str) -> bool:
    """Whether what is sent to this address can be read on the way."""
    parts = urlsplit(address)
    return parts.scheme != secure and not _is_loopback(parts.hostname or "")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _channels(config: Config, *, places: Places) -> Iterator[Problem]:
    """The channels in use are among the channels that are opened, each once."""
    entry, microphone = places.get("microphone.use"), config.microphone
    if entry is None or isinstance(microphone.use, str):
        return
    last = microphone.channels - 1
    cure = f"type a number from 0 to {last}" if last else "type 0"
    cure += ", or set microphone.channels to what the microphone has"
    listed = isinstance(entry.value, Sequence)
    items = entry.value.items if isinstance(entry.value, Sequence) else (entry.value,)
    used = microphone.use if isinstance(microphone.use, tuple) else (microphone.use,)
    for number, (item, channel) in enumerate(zip(items, used, strict=True)):
        if channel > last:
            what = f"microphone.use names channel {channel}, but channels is {microphone.channels}"
            yield Problem(item.line, item.column, what, cure)
        elif listed and channel in used[:number]:
            what = f"microphone.use names channel {channel} twice"
            yield Problem(item.line, item.column, what, "name each channel once")


def _geometry(config: Config, *, places: Places) -> Iterator[Problem]:
    """A position is two numbers, there is one for each channel, and a beam needs two microphones.

    Whoever has none can use `best`, which asks for no position.
    """
    microphone, entry = config.microphone, places.get("microphone.geometry")
    listed = () if microphone.geometry == "none" else microphone.geometry
    if entry is not None and isinstance(entry.value, Sequence):
        for item, place in zip(entry.value.items, listed, strict=True):
            if place != "none" and len(place) != 2:
                what = f"microphone.geometry has a position of {len(place)} number, not of 2"
                cure = "type [x, y] in millimetres, or none"
                yield Problem(item.line, item.column, what, cure)
        if len(listed) != microphone.channels:
            what = (
                f"microphone.geometry has {len(listed)} positions, "
                f"but microphone.channels is {microphone.channels}"
            )
            cure = "type one for each channel; none for one that is no microphone"
            yield Problem(entry.value.line, entry.value.column, what, cure)
    used = places.get("microphone.use")
    if used is not None and microphone.use == "beam":
        microphones = {place for place in listed if place != "none"}
        if len(microphones) < 2:
            what = "microphone.use is beam, which needs to know where two microphones are"
            cure = "type their places below microphone: geometry:, or use: best, which needs none"
            yield Problem(used.value.line, used.value.column, what, cure)


def _average(config: Config, *, places: Places) -> Iterator[Problem]:
    """Channels that lie apart do not hear a sound at the same time, and cancel some tones of it."""
    microphone, entry = config.microphone, places.get("microphone.use")
    if entry is None or not isinstance(microphone.use, tuple) or len(microphone.use) < 2:
        return
    listed = () if microphone.geometry == "none" else microphone.geometry
    known = [listed[n] for n in microphone.use if n < len(listed)]
    spots = [place for place in known if place != "none" and len(place) == 2]
    apart = max((math.dist(one, other) for one in spots for other in spots), default=math.inf)
    if len(spots) < len(microphone.use) or apart > APART_MM:
        where = f"{apart:.0f} mm apart" if len(spots) == len(microphone.use) else "perhaps apart"
        what = (
            f"microphone.use averages channels that are {where}: their sum loses tones (at 64 mm "
            "21 dB near 4 kHz)"
        )
        cure = "type best, beam, or one channel"
        yield Problem(entry.value.line, entry.value.column, what, cure)


def _loopback(config: Config, *, places: Places) -> Iterator[Problem]:
    """What the loudspeaker plays comes back on a channel that is opened and that is not heard."""
    entry, microphone = places.get("microphone.loopback"), config.microphone
    if entry is None or microphone.loopback == "none":
        return
    channel, use = microphone.loopback, microphone.use
    if channel >= microphone.channels:
        what = f"names channel {channel}, but channels is {microphone.channels}"
    elif channel in (use if isinstance(use, tuple) else (use,)):
        what = f"is channel {channel}, which microphone.use listens to"
    else:
        return
    cure = "type the channel that only gives back what is played, or none"
    yield Problem(entry.value.line, entry.value.column, f"microphone.loopback {what}", cure)


def _quiet(config: Config, *, places: Places) -> Iterator[Problem]:
    """Quiet hours that end when they begin are none, or all."""
    entry, quiet = places.get("speaker.quiet.end"), config.speaker.quiet
    if entry is None or quiet == "none" or quiet.start != quiet.end:
        return
    what = "speaker.quiet.end is the time at which it starts"
    cure = "type another; for always, lower speaker.volume"
    yield Problem(entry.value.line, entry.value.column, what, cure)


def _pins(config: Config, *, places: Places, failed: set[str]) -> Iterator[Problem]:
    """One pin does one thing, and one light shows."""
    panel = config.panel
    lights = [name for name in ("led", "rgb", "ring") if getattr(panel, name) != "none"]
    if len(lights) > 1:
        key = max((places[f"panel.{name}"].key for name in lights), key=lambda k: k.line)
        named = " and ".join(f"panel.{name}" for name in lights)
        what = f"{named} are all given, but there is one light"
        yield Problem(key.line, key.column, what, "keep one of them")
    users = dict.fromkeys(_SPI_PINS if panel.ring != "none" else (), "panel.ring")
    for path, entry in places.items():
        name = path.rpartition(".")[2]
        if name not in _PIN_NAMES or path in failed or not isinstance(entry.value, Scalar):
            continue
        pin = entry.value.text
        first = users.setdefault(pin, path)
        if first != path:
            what = f"{path} is pin {pin}, which {first} already uses"
            yield Problem(entry.value.line, entry.value.column, what, "give each its own pin")
