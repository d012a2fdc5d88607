"""What each thing that happens is called: from news to (who, what)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from device.demo.stage import News

Phrase = tuple[str, str]

_LIGHTS: Final = {"hearing": "hearing you"}


def ms(seconds: float) -> str:
    """A duration in whole milliseconds, in one only where that says too little."""
    value = seconds * 1000
    return f"{value:.0f} ms" if value >= 10 else f"{value:.1f} ms"


class Phrases:
    """Remembers what a sentence needs from earlier ones: since when, which answer it is."""

    def __init__(self) -> None:
        self._tapped_at = 0.0
        self._block_awaited = False
        self._turn_ended_at = 0.0
        self._spoken_at = 0.0
        self._response = ""

    def of(self, news: News) -> Iterator[Phrase]:
        """What there is to say about it; most news are not worth a word."""
        name = "event" if news.source == "device" else "type"
        phrase = _PHRASES.get((news.source, str(news.event.get(name))))
        said = phrase(self, news.at, news.event) if phrase else None
        if said is not None:
            yield said

    # The person.

    def _tap(self, at: float, _: Mapping[str, Any]) -> Phrase:
        self._tapped_at = at
        return "you", "tap the button"

    def _words(self, at: float, event: Mapping[str, Any]) -> Phrase:
        self._spoken_at = at
        return "you", f"{'interrupt: ' if event['interrupting'] else ''}“{event['words']}”"

    # The daemon's log.

    def _gate(self, _: float, event: Mapping[str, Any]) -> Phrase:
        self._block_awaited = event["state"] == "open"
        return "mic", str(event["state"])

    def _light(self, _: float, event: Mapping[str, Any]) -> Phrase:
        state, code = event["state"], event.get("code", "")
        return "light", f"{_LIGHTS.get(state, state)}{f' ({code})' if code else ''}"

    def _link(self, _: float, event: Mapping[str, Any]) -> Phrase:
        if event["state"] == "up":
            return "device", "connected to the server, which confirmed its settings"
        return "trouble", f"link down: {event['reason']}"

    def _turn(self, _: float, event: Mapping[str, Any]) -> Phrase:
        heard, received = event["heard_ms"] / 1000, event["received_ms"] / 1000
        end = "interrupted" if event["interrupted"] else "to its end"
        return "device", f"turn written down: heard {heard:.2f} of {received:.2f} s, {end}"

    def _error(self, _: float, event: Mapping[str, Any]) -> Phrase:
        return "trouble", f"{event.get('what')}; {event.get('cure')}"

    # The wire.

    def _append(self, at: float, _: Mapping[str, Any]) -> Phrase | None:
        if not self._block_awaited:
            return None
        self._block_awaited = False
        return "device", f"first block is at the server, {ms(at - self._tapped_at)} after the tap"

    def _speech_started(self, _: float, __: Mapping[str, Any]) -> Phrase:
        return "server", "hears a voice"

    def _committed(self, at: float, _: Mapping[str, Any]) -> Phrase:
        self._turn_ended_at = at
        return "server", "finds the end of the turn (semantic_vad)"

    def _delta(self, _: float, event: Mapping[str, Any]) -> Phrase | None:
        if event.get("response_id") == self._response:
            return None
        self._response = str(event.get("response_id"))
        return "server", "begins to answer"

    def _transcript(self, _: float, event: Mapping[str, Any]) -> Phrase:
        return "server", f"has sent all of it: “{event['transcript']}”"

    def _truncate(self, _: float, event: Mapping[str, Any]) -> Phrase:
        return "device", f"truncate: “they heard {event['audio_end_ms'] / 1000:.3f} s of it”"

    # The loudspeaker, as the card recorded it.

    def _sound(self, at: float, _: Mapping[str, Any]) -> Phrase:
        return "speaker", f"first sound, {ms(at - self._turn_ended_at)} after the end of the turn"

    def _silence(self, at: float, _: Mapping[str, Any]) -> Phrase:
        return "speaker", f"silent, {ms(at - self._spoken_at)} after your first word"


_PHRASES: Final[
    Mapping[tuple[str, str], Callable[[Phrases, float, Mapping[str, Any]], Phrase | None]]
] = {
    ("you", "tap"): Phrases._tap,
    ("you", "words"): Phrases._words,
    ("device", "ready"): lambda *_: ("device", "the daemon is ready"),
    ("device", "gate"): Phrases._gate,
    ("device", "light"): Phrases._light,
    ("device", "link"): Phrases._link,
    ("device", "turn"): Phrases._turn,
    ("device", "error"): Phrases._error,
    ("device", "xrun"): lambda _, __, event: ("trouble", str(event.get("message"))),
    ("device", "stopped"): lambda *_: ("device", "the daemon has stopped"),
    ("client", "input_audio_buffer.append"): Phrases._append,
    ("client", "conversation.item.truncate"): Phrases._truncate,
    ("server", "input_audio_buffer.speech_started"): Phrases._speech_started,
    ("server", "input_audio_buffer.committed"): Phrases._committed,
    ("server", "response.output_audio.delta"): Phrases._delta,
    ("server", "response.output_audio_transcript.done"): Phrases._transcript,
    ("server", "conversation.item.truncated"): lambda *_: (
        "server",
        "truncate acknowledged: the rest was never said",
    ),
    ("card", "sound"): Phrases._sound,
    ("card", "silence"): Phrases._silence,
}
