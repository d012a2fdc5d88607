"""A whole run, trouble included: nothing secret and nothing that was said is in the log."""

from __future__ import annotations

from daemon.conftest import Bench
from daemon.running import KEY, noise
from device.simulator.script import Answer

INSTRUCTIONS = "Never tell anybody of canary seven"
IN_QUERY = "canaryofthequery"
ANSWER = "Canaries"


def test_a_turn_tells_no_key_no_instructions_and_no_word(bench: Bench) -> None:
    device = bench.prepare(Answer.tone(0.6, transcript=ANSWER))
    server = {
        "url": f"{device.server.url}?token={IN_QUERY}", "profile": "local", "api_key": "not-it",
    }  # fmt: skip
    device.configure(
        server=server, assistant={"instructions": INSTRUCTIONS}, log={"level": "debug"}
    )
    device.start(PRESSEL_API_KEY=KEY)
    device.light("idle")
    device.do("press")
    device.microphone("start")
    device.say(noise(0.6))
    device.do("release")
    device.wait_for("turn")
    said = str([entry.event for entry in device.server.log])
    device.terminate()
    assert ANSWER in said, "the assistant said nothing"
    for secret in (KEY, IN_QUERY, INSTRUCTIONS, ANSWER, "not-it"):
        assert secret not in device.text


def test_a_key_that_is_refused_is_not_told(bench: Bench) -> None:
    wrong = "sk-wrong-0123456789CANARY"
    device = bench.prepare()
    device.start(PRESSEL_API_KEY=wrong)
    device.light("offline", code="key")
    device.terminate()
    assert wrong not in device.text
    assert device.all("link")[-1]["code"] == "key"
