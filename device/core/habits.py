"""The numbers of a conversation: what can be configured, and what is fixed with its reason."""

from __future__ import annotations

from typing import Final, Literal

from msgspec import Struct

from device.core.audio import RATE, Frames
from device.core.spent import Price

TAP_S: Final = 0.350
"""A press shorter than this is a tap (talk.style: auto)."""
ECHO_S: Final = 0.300
"""How long a room goes on sounding after the loudspeaker: half duplex stays deaf that long."""
VOICE_S: Final = 0.600
"""A voice that the server does not confirm in this time was none, if it has ended."""
STILL_S: Final = 0.200
"""So lately there was a loud frame: the voice goes on."""
LOOK_S: Final = 0.100
"""So often a voice that goes on is looked at again."""
HELD_MOST_S: Final = 2.0
"""A reply is held for so long at most: what goes on and is no voice to the server is a noise."""
RINGS_S: Final = 0.200
"""After the loudspeaker has fallen silent the microphone still hears it for so long."""
CUT_LATE_S: Final = 1.0
"""A cut is answered within a period; past this the speaker is not waited for any more."""
TAIL_TICK_MS: Final = 40
TAIL_HEARING_S: Final = 0.300
"""After a release: how long the server's VAD may lag behind the last word."""
CLOSING_LATE_S: Final = 0.5
"""The last block comes within a period; past this the turn ends without it."""
SPOKEN_MS: Final = 150
"""Less local speech than this is a cough or a click."""
THINKING_S: Final = 2.0
"""A reply that takes longer is announced by a soft tone."""
SLOW_S: Final = 6.0
"""After this the connection is called slow."""
TURN_OLD_S: Final = 60.0
"""A turn that has waited this long for the link is not what the person wants any more."""
REPEATS: Final = 1
"""A turn that a lost server had taken is put to the next one so often."""
RENEW_FROM: Final = 50 / 60
"""Share of a session's life after which a quiet moment is used to take a new one."""
RENEW_BY: Final = 58 / 60
"""After this any moment is good enough in which no reply is being made."""
RENEW_LOOK_S: Final = 10.0
"""So often it is looked whether the moment has come."""
RENEW_RETRY_S: Final = 30.0
WAITING_APART_S: Final = 0.2
"""While words wait for the link it is dialled so often."""
NOTICE_S: Final = 3.0
"""How long the light tells of lost words."""
ALONE_S: Final = 60.0
"""What only our own detector hears keeps the microphone open for so long at most: music."""
OFFLINE_LINGER_S: Final = 3.0
"""A hands-free conversation without a server closes after this much quiet at the latest."""
SENTENCE_S: Final = 10.0
"""No sentence or tone of ours is longer, with its way to the ear."""
USAGE_LATE_S: Final = 2.0
"""After a cut the reply's usage is waited for this long before the turn is written down."""
PART_RETRY_S: Final = 2.0
POINT_APART_S: Final = 0.1
"""The light turns to who speaks at most ten times a second."""
STORM: Final = 5
"""So many xruns within `STORM_S` are a trouble: the machine is too slow."""
STORM_S: Final = 10.0
STORM_OVER_S: Final = 30.0
"""Without an xrun for so long, a storm is over."""
KEPT_AWAITING: Final = Frames(RATE)
"""While a reply is awaited on a half-duplex device the last second is kept, for going on."""
BENIGN: Final = frozenset({
    "input_audio_buffer_commit_empty", "conversation_already_has_active_response",
    "response_cancel_not_active", "item_already_truncated", "unsupported_content_type",
    "item_truncate_invalid_item_id", "item_delete_invalid_item_id",
})  # fmt: skip
"""Error codes of races that both sides may lose: not errors."""


class Habits(Struct, frozen=True, kw_only=True):
    """How this device converses, from its configuration."""

    style: Literal["auto", "tap", "hold"] = "auto"
    release: Literal["commit", "server"] = "commit"
    duplex: Literal["full", "half", "guarded"] = "half"
    """Whether a voice may interrupt: always, never, or when `core/duplex.py` has found it safe."""
    output_delay_s: float = 0.0
    """So long the room hears what has left the sound device already."""
    tells: Literal["nothing", "failures", "all"] = "failures"
    """What is told by sound besides answers: nothing, troubles, or the microphone's hours too."""
    linger_s: float = 8.0
    backstop_s: float = 2.5
    """With `release: server`: commit by ourselves when the server has not by then."""
    longest_reply: Frames = Frames(120 * RATE)
    """What is kept in memory of one reply; the rest of it is dropped."""
    patience_s: float = 12.0
    """No sign of a reply for so long after the turn was taken: dial anew and ask again. A cold
    local model needs 15 s for its first answer."""
    keep_warm_s: float | None = None
    """An idle link is closed after this; None: never."""
    transcripts: bool = False
    """What was said is written into the journal: a privacy decision of the owner's."""
    price: Price | None = None
    """What the model costs, where that is known."""
    wake: Literal["none", "voice"] = "none"
    """What opens the gate besides the button. `voice` keeps the microphone open."""
    interrupt: Literal["voice", "server"] = "voice"
    """Who silences a reply at a voice: we at once, where we know our own, or the server alone."""
    preroll: Frames = Frames(0)
    """Sound from before the press that is sent with it. More than 0 keeps the microphone open."""

    def is_tap(self, pressed_s: float) -> bool:
        """Whether a press of this length is a tap."""
        return self.style == "tap" or (self.style == "auto" and pressed_s < TAP_S)

    @property
    def fades_s(self) -> float:
        """After the last frame has left the sound device the room sounds for so long."""
        return self.output_delay_s + ECHO_S

    @property
    def ahead(self) -> bool:
        """The microphone is open, in RAM, while nobody has pressed."""
        return self.preroll > 0 or self.wake != "none"

    def quiet_s(self, *, up: bool) -> float:
        """Quiet that ends a hands-free conversation; soon, where no server can answer."""
        return self.linger_s if up else min(self.linger_s, OFFLINE_LINGER_S)
