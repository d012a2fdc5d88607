"""A brain of rules with real ears and a real mouth, for `pressel simulate --brain local`.

    arithmetic, skills   what it can do: pure, always there
    speech               speech to text and text to speech: the extra `local`
    local                the thread they work on, and one conversation (`script.Mind`)

It is no language model, and the end of a turn is still the script's: what it proves is that
words spoken into a microphone come out again as the right answer, with nobody else involved.
"""

from .local import LocalBrain
from .speech import BrainMissing, Speech

__all__ = ["BrainMissing", "LocalBrain", "Speech"]
