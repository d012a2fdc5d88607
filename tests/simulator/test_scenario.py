"""Scenario files: what they say, and what is said about their mistakes."""

from __future__ import annotations

import re
import subprocess
import sys
import wave
from pathlib import Path

import pytest

from device.simulator import (
    Answer,
    Fault,
    McpCall,
    McpRequest,
    ScenarioMistake,
    Script,
    Simulator,
    faults,
    load,
    scenario,
)
from device.simulator.faults import MOMENTS
from simulator.caller import Caller, live

README = Path(__file__).parents[2] / "device/simulator/README.md"


def written(folder: Path, text: str) -> Path:
    file = folder / "scenario.yaml"
    file.write_text(text)
    return file


def with_fault(fault: str) -> str:
    return f"answers: [{{text: hi}}]\nfaults:\n - {fault}\n"


def test_a_scenario_is_the_script_it_says(tmp_path: Path) -> None:
    with wave.open(str(tmp_path / "hello.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(24_000)
        file.writeframes(b"\1\2" * 2400)
    text = """
        answers:
          - {wav: hello.wav, transcript: hello, speed: .inf, delta_ms: [20, 200], items: 2}
          - {tone_s: 0.5, hz: 300, first_delta_s: 0, tail_s: 1, late_deltas: 2}
          - {text: "Two words.", delta_ms: all, incomplete: content_filter}
          - {calls: {name: look, arguments: {at: [1]}}}
          - {fail: insufficient_quota, message: "No money."}
          - calls: [{server: home, name: lights, output: lit},
                    {server: home, name: door, approval: required}]
        mcp: {home: [lights, door]}
        heard: ["What time is it?", null]
        heard_after_s: 1
        asides: [{text: a title}]
        turn_end_s: [0.5, 1.2]
        loud_dbfs: -30
        habits: [401, obfuscation]
        faults:
          - {at: connect, session: 2, do: http, status: 429, retry_after_s: 7}
          - {at: response.done, nth: every, do: duplicate}
          - {at: session.updated, do: change, fields: {session.voice: null}}
          - {at: response.created, do: without, fields: response.id}
          - {at: session.update, do: send, event: {type: odd, n: 1}}
          - {at: session.update, nth: 2, do: half_open}
    """
    script = load(written(tmp_path, text))
    assert script.answers[0] == Answer(
        b"\1\2" * 2400, "hello", speed=float("inf"), delta_ms=[20, 200], items=2
    )
    tone = Answer.tone(0.5, hz=300, first_delta_s=0, tail_s=1, late_deltas=2)
    assert script.answers[1] == tone
    assert (script.answers[2].transcript, len(script.answers[2].audio)) == ("Two words.", 33_600)
    assert script.answers[3].calls[0].arguments == '{"at": [1]}'
    assert script.answers[4] == Answer.fail("insufficient_quota", message="No money.")
    assert script.answers[5].calls == [
        McpCall("home", "lights", output="lit"),
        McpRequest("home", "door"),
    ]
    assert script.mcp == {"home": ["lights", "door"]}
    assert (script.heard, script.heard_after_s) == (["What time is it?", None], 1)
    assert script.asides == [Answer.text("a title")]
    assert (script.turn_end_s, script.loud_dbfs) == ([0.5, 1.2], -30)
    assert script.habits == ["401", "obfuscation"]
    assert script.faults == [
        Fault("connect", faults.Http(429, 7), session=2),
        Fault("response.done", faults.Duplicate(9), nth="every"),
        Fault("session.updated", faults.Change({"session.voice": None})),
        Fault("response.created", faults.Without(["response.id"])),
        Fault("session.update", faults.Send({"type": "odd", "n": 1})),
        Fault("session.update", faults.HalfOpen(), nth=2),
    ]


@pytest.mark.parametrize(
    ("text", "line", "cure"),
    [
        ("", 1, "type answers: and a list of answers"),
        ("turn_end_s: 1", 1, "type answers: and a list of answers"),
        ("answer: []", 1, "did you mean answers?"),
        ("answers: 3", 1, "begin each entry with '- '"),
        ("\nanswers:\n - {tone_s: 1, tone_s: 2}", 3, "keep one of them"),
        ("answers:\n - tone_s: 1\n   wav: a.wav\n", 3, "type its path as seen from this file"),
        ("answers:\n - tone_s: 1\n   text: a\n", 2, "keep one of them"),
        ("answers:\n - tone_s: -1", 2, "type a number, 0.001 to 3600"),
        ("answers:\n - tone_s: soon", 2, "type it as 2 or 0.25"),
        ("answers:\n - {tone_s: 1, delta_ms: 2.5}", 2, "type it without a point"),
        ("answers:\n - {tone_s: 1, delta_ms: []}", 2, "type at least one value"),
        ("answers:\n - {text: 3}", 2, "put the value in quotes"),
        ("answers:\n - {text: a, hz: 300}", 2, "remove hz, or type tone_s: 2"),
        ("answers:\n - {text: a, transcript: b}", 2, "remove transcript"),
        ("answers:\n - {text: a, message: b}", 2, "type fail: server_error"),
        ("answers:\n - {text: a, fail: b, incomplete: content_filter}", 2, "keep fail or incomp"),
        ("answers:\n - {text: a, incomplete: content_filtre}", 2, "did you mean content_filter?"),
        ("answers:\n - {speed: 2}", 2, "type wav, tone_s, text, calls or fail"),
        ("answers:\n - {calls: [{arguments: {}}]}", 2, "type name: and the name of the function"),
        ("answers:\n - {calls: [{name: f, arguments: 3}]}", 2, "type them as {city: Paris}"),
        ("answers:\n - {calls: [{name: f, output: x}]}", 2, "type server: its label"),
        ("answers: [{text: a}]\nmcp: {home: lights}", 2, "type it as {home: [lights]}"),
        ("answers: []", 1, "the simulator's README has all keys"),
        ("answers: &a\n - *a", 2, "type the value itself"),
        ("answers: [", 1, "check the indentation, the quotes and the colons of this line"),
        ("answers:\n\t- text: a", 2, "check the indentation, the quotes and the colons"),
        ("answers: [{text: a}]\nhabits: obfuscatoin", 2, "did you mean obfuscation?"),
        (with_fault("{at: response.create}"), 3, "type at: response.created and do: drop"),
        (with_fault("{at: respons.done, do: drop}"), 3, "did you mean response.done?"),
        (with_fault("{at: response.done, do: dorp}"), 3, "did you mean drop?"),
        (with_fault("{at: response.done, do: stall}"), 3, "type seconds: ..."),
        (with_fault("{at: response.done, do: drop, times: 3}"), 3, "remove it"),
        (with_fault("{at: response.done, do: close, seconds: 3}"), 3, "its keys are code, reason"),
        (with_fault("{at: response.done, do: close, code: 1006}"), 3, "the simulator's README"),
        (with_fault("{at: response.done, nth: 0, do: drop}"), 3, "type a number, 1 to 1000000"),
        (with_fault("{at: connect, do: drop}"), 3, "the simulator's README has all keys"),
        (with_fault("{at: error, do: send, event: 3}"), 3, "type it as {name: value}"),
        (with_fault("{at: error, do: send, event: {at: 2026-01-01}}"), 3, "in quotes"),
        (with_fault("3"), 3, "type do: ..."),
    ],
)
def test_a_mistake_is_told_with_its_line_and_what_to_type(
    tmp_path: Path, text: str, line: int, cure: str
) -> None:
    file = written(tmp_path, text)
    with pytest.raises(ScenarioMistake) as mistake:
        load(file)
    told = str(mistake.value)
    assert told.startswith(f"{file}:{line}: ")
    assert cure in told.split("; ")[-1]


def test_all_mistakes_of_a_file_are_told_at_once(tmp_path: Path) -> None:
    text = """\
answers:
  - {txet: hi, speed: fast}
  - {tone_s: 1, delta_ms: [20, 2.5]}
turn_end_s: soon
colour: red
faults:
  - {at: response.dnoe, do: drop}
  - {at: response.done, do: dorp}
"""
    file = written(tmp_path, text)
    with pytest.raises(ScenarioMistake) as told:
        load(file)
    assert str(told.value).splitlines() == [
        f"{file}:2: 'txet' is no key; did you mean text?",
        f"{file}:2: expected a number, found a text; type it as 2 or 0.25",
        f"{file}:3: 2.5 is not a whole number; type it without a point",
        f"{file}:4: expected a number, found a text; type it as 2 or 0.25",
        f"{file}:5: 'colour' is no key; type one of: {', '.join(scenario._SCRIPT)}",
        f"{file}:7: 'response.dnoe' is no moment; did you mean response.done?",
        f"{file}:8: 'dorp' is no deed; did you mean drop?",
    ]


def test_of_very_many_mistakes_twenty_are_told(tmp_path: Path) -> None:
    file = written(tmp_path, "answers:\n" + " - {txet: hi}\n" * 25)
    with pytest.raises(ScenarioMistake) as told:
        load(file)
    lines = str(told.value).splitlines()
    assert lines[19].startswith(f"{file}:21: ")
    assert lines[20:] == ["and 5 more mistakes"]


def test_what_is_no_text_at_all_is_a_mistake_too(tmp_path: Path) -> None:
    file = tmp_path / "scenario.yaml"
    with pytest.raises(ScenarioMistake, match="No such file"):
        load(file)
    file.write_bytes(b"answers:\n - text: \xff")
    with pytest.raises(ScenarioMistake, match=r":2: this is not UTF-8"):
        load(file)
    file.write_bytes(b"[" * 1000)
    with pytest.raises(ScenarioMistake, match=r":1: nested deeper than 32 levels"):
        load(file)
    file.write_bytes(b" " * (1 << 20) + b" ")
    with pytest.raises(ScenarioMistake, match="1048577 bytes"):
        load(file)


def test_the_scenario_of_the_readme_is_one(tmp_path: Path) -> None:
    (block,) = re.findall(r"```yaml\n(.*?)```", README.read_text(), re.DOTALL)
    text = block.replace("wav: hello.wav ", "tone_s: 1 ")
    script = load(written(tmp_path, text))
    assert len(script.answers) == 5
    assert [fault.at for fault in script.faults] == [
        "response.output_audio.delta",
        "session.updated",
    ]


def test_every_key_of_a_scenario_is_in_the_readme() -> None:
    keys = [
        *scenario._SCRIPT,
        *scenario._MANNER,
        *scenario._SOUNDS,
        "hz",
        *scenario._DEEDS,
        *scenario._CALL,
    ]
    keys += [name for deed in scenario._DEEDS.values() for name in scenario._readers(deed)]
    text = README.read_text()
    assert [key for key in keys if f"`{key}`" not in text] == []


def test_a_mistake_ends_the_command_with_78(tmp_path: Path) -> None:
    file = written(tmp_path, "answers:\n - {txet: hi}\n")
    done = subprocess.run(
        [sys.executable, "-m", "device", "simulate", "--scenario", str(file)],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 78
    assert done.stderr == f"{file}:2: 'txet' is no key; did you mean text?\n"
    assert done.stdout == ""


@live
async def test_a_loaded_scenario_plays() -> None:
    script = Script([Answer.text("A few words.", first_delta_s=0.0, speed=100.0)])
    async with Simulator(script) as simulator, Caller(simulator.url) as caller:
        await caller.send("response.create")
        response = (await caller.last("response.done"))["response"]
    assert response["output"][0]["content"][0]["transcript"] == "A few words."


def test_no_moment_is_named_twice() -> None:
    assert sorted(set(MOMENTS)) == sorted(MOMENTS)
