"""Connecting, being refused, being cut off, and what the record keeps."""

from __future__ import annotations

import ast
import asyncio
import json
import time
import wave
from pathlib import Path
from typing import get_args

import pytest
from openai.types.realtime import RealtimeSessionCreateRequest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, ConnectionClosedError, InvalidStatus
from websockets.sync.client import connect as connect_now
from websockets.typing import Subprotocol

import device.simulator
from device.simulator import Answer, BackgroundSimulator, Entry, Script, Simulator, serve
from device.simulator.keys import model_refusal
from simulator.caller import Caller, kinds, live, silence, speech

SCRIPT = Script([Answer.tone(0.3, speed=40.0, first_delta_s=0.0)])
MODEL = "?model=gpt-realtime-2.1"
KEY = "sk-right-key"


@live
async def test_the_first_event_is_the_session_with_the_live_defaults() -> None:
    before = int(time.time())
    async with Simulator(SCRIPT) as simulator, Caller(simulator.url) as caller:
        session = caller.session
    assert (session["object"], session["model"]) == ("realtime.session", "gpt-realtime-2.1")
    assert session["id"].startswith("sess_")
    assert before + 3600 <= session["expires_at"] <= before + 3660
    assert session["audio"]["input"] == {
        "format": {"type": "audio/pcm", "rate": 24000},
        "transcription": None,
        "noise_reduction": None,
        "turn_detection": {
            "type": "server_vad",
            "threshold": 0.5,
            "prefix_padding_ms": 300,
            "silence_duration_ms": 200,
            "idle_timeout_ms": None,
            "create_response": True,
            "interrupt_response": True,
        },
    }
    assert session["audio"]["output"]["speed"] == 1.0


@pytest.mark.parametrize(
    ("headers", "query", "code", "message", "close"),
    [
        (
            {"Authorization": "Bearer sk-wrong"},
            MODEL,
            "invalid_api_key",
            "Incorrect API key provided: ",
            (3000, "invalid_request_error.invalid_api_key"),
        ),
        (
            {},
            MODEL,
            None,
            "Missing bearer or basic authentication in header",
            (3000, "invalid_request_error"),
        ),
        (
            {"Authorization": f"Bearer {KEY}"},
            "",
            "missing_model",
            "You must provide a model parameter, for example ",
            (4000, "invalid_request_error.missing_model"),
        ),
        (
            {"Authorization": f"Bearer {KEY}"},
            "?model=gpt-5",
            "invalid_model",
            'Model "gpt-5" is not supported in realtime mode.',
            (4000, "invalid_request_error.invalid_model"),
        ),
        (
            {"Authorization": f"Bearer {KEY}"},
            "?intent=transcription",
            "invalid_value",
            "Invalid value: 'transcription'. Supported values are: 'realtime'.",
            (4000, "invalid_request_error.invalid_value"),
        ),
    ],
)
def test_a_bad_key_or_model_is_told_after_the_upgrade_and_then_closed(
    headers: dict[str, str], query: str, code: str | None, message: str, close: tuple[int, str]
) -> None:
    @live
    async def play() -> None:
        async with (
            Simulator(SCRIPT, key=KEY) as simulator,
            connect(simulator.url + query, additional_headers=headers, proxy=None) as ws,
        ):
            error = json.loads(await ws.recv())["error"]
            assert error["code"] == code
            assert error["message"].startswith(message)
            assert "sk-wrong" not in error["message"]
            with pytest.raises(ConnectionClosed) as closed:
                await ws.recv()
            assert closed.value.rcvd is not None
            assert (closed.value.rcvd.code, closed.value.rcvd.reason) == close
            assert simulator.log == []

    play()


@live
async def test_a_server_of_another_maker_takes_any_model() -> None:
    script = Script([Answer.tone(0.3)], habits=["any model"])
    async with (
        Simulator(script) as simulator,
        connect(f"{simulator.url}?model=my-own", proxy=None) as ws,
    ):
        created = json.loads(await ws.recv())
    assert (created["type"], created["session"]["model"]) == ("session.created", "my-own")


def test_every_model_that_the_official_client_names_is_taken() -> None:
    known = RealtimeSessionCreateRequest.model_fields["model"].annotation
    names = [name for kind in get_args(known) for name in get_args(kind)]
    assert len(names) > 10
    assert [name for name in names if model_refusal(name, any_name=False) is not None] == []


@pytest.mark.parametrize(
    ("headers", "offered"),
    [
        ({"Authorization": f"Bearer {KEY}"}, None),
        ({"api-key": KEY}, None),
        ({}, ["realtime", f"openai-insecure-api-key.{KEY}"]),
    ],
)
def test_the_right_key_is_taken_from_a_header_or_a_subprotocol(
    headers: dict[str, str], offered: list[str] | None
) -> None:
    @live
    async def play() -> None:
        names = None if offered is None else [Subprotocol(name) for name in offered]
        async with (
            Simulator(SCRIPT, key=KEY) as simulator,
            connect(
                simulator.url + MODEL, additional_headers=headers, subprotocols=names, proxy=None
            ) as ws,
        ):
            assert json.loads(await ws.recv())["type"] == "session.created"
            assert ws.subprotocol == (None if offered is None else "realtime")

    play()


@live
async def test_any_path_that_ends_in_realtime_is_served_and_no_other() -> None:
    async with Simulator(SCRIPT) as simulator:
        root = simulator.url.removesuffix("/v1/realtime")
        async with connect(f"{root}/openai/v1/realtime{MODEL}", proxy=None) as ws:
            assert json.loads(await ws.recv())["type"] == "session.created"
        with pytest.raises(InvalidStatus, match="404"):
            await connect(f"{root}/v1/live{MODEL}", proxy=None)


@live
async def test_a_session_expires_with_an_error_and_close_1001() -> None:
    async with Simulator(SCRIPT, session_s=0.3) as simulator, Caller(simulator.url) as caller:
        error = (await caller.last("error"))["error"]
        assert error["code"] == "session_expired"
        with pytest.raises(ConnectionClosed) as closed:
            await caller.next()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1001
        reason = "Your session hit the maximum duration of 60 minutes."
        assert closed.value.rcvd.reason == error["message"] == reason


@live
async def test_a_dropped_connection_ends_without_a_close_frame() -> None:
    async with Simulator(SCRIPT) as simulator, Caller(simulator.url) as caller:
        simulator.drop()
        with pytest.raises(ConnectionClosedError) as closed:
            await caller.next()
        assert closed.value.rcvd is None


@live
async def test_while_it_does_not_accept_nobody_new_gets_in_and_the_others_go_on() -> None:
    async with Simulator(SCRIPT) as simulator, Caller(simulator.url) as caller:
        url = simulator.url
        await simulator.stop_accepting()
        with pytest.raises(OSError, match="Connect call failed"):
            await connect(url + MODEL, proxy=None)
        await caller.configure(instructions="still here")
        await simulator.start_accepting()
        assert simulator.url == url
        async with Caller(url):
            assert simulator.sessions == [0, 1]


@live
async def test_the_record_holds_what_was_said_in_both_directions() -> None:
    talk = speech(0.5) + silence(0.3)
    async with Simulator(SCRIPT) as simulator, Caller(simulator.url) as caller:
        await caller.append(talk, step_ms=40)
        await caller.until("response.done")
        assert simulator.uplink() == simulator.uplink(0) == talk
        appends = simulator.appends
        assert [append.first_frame for append in appends] == [960 * n for n in range(20)]
        assert {append.frames for append in appends} == {960}
        sent = [entry for entry in simulator.log if entry.direction == "server"]
        assert kinds([entry.event for entry in sent])[: len(caller.events)] == kinds(caller.events)
        delta = next(e for e in sent if e.event["type"] == "response.output_audio.delta")
        assert delta.event["delta"] == len(delta.audio) == 4800
        first = next(e for e in simulator.log if e.direction == "client")
        assert (first.event["audio"], first.audio) == (1920, talk[:1920])
        assert [entry.at for entry in sent] == sorted(entry.at for entry in sent)


@pytest.mark.unjudged("server")
@live
async def test_a_test_may_send_anything_to_the_client() -> None:
    async with Simulator(SCRIPT) as simulator, Caller(simulator.url) as caller:
        simulator.inject("{not json")
        simulator.inject({"type": "brand.new"})
        assert await caller.ws.recv() == "{not json"
        assert json.loads(await caller.ws.recv())["type"] == "brand.new"
    with pytest.raises(LookupError):
        simulator.inject("too late")


@live
async def test_a_client_that_takes_nothing_stops_the_generation_not_the_server() -> None:
    answer = Answer(bytes(48_000 * 600), speed=float("inf"), delta_ms=1000)
    async with Simulator(Script([answer])) as simulator, Caller(simulator.url) as caller:
        await caller.send("response.create")
        await caller.until("response.created")
        await asyncio.sleep(0.5)
        async with Caller(simulator.url) as other:
            await other.configure(instructions="awake")
        seconds = sum(len(entry.audio) for entry in simulator.log) / 48_000
        assert seconds < 500
        simulator.drop()


@live
async def test_a_client_that_floods_reads_nothing_and_vanishes_leaves_nothing_behind() -> None:
    async with Simulator(SCRIPT) as simulator:
        ws = await connect(simulator.url + MODEL, proxy=None, ping_interval=None)
        flood = asyncio.create_task(_flood(ws))
        answered = -1
        while len(simulator.log) != answered:
            answered = len(simulator.log)
            await asyncio.sleep(0.3)
        flood.cancel()
        ws.transport.abort()
        while simulator.sessions:  # noqa: ASYNC110 - the end of a session sets no event
            await asyncio.sleep(0.01)


async def _flood(ws: ClientConnection) -> None:
    session = {"type": "realtime", "instructions": "x" * 100_000}
    while True:
        await ws.send(json.dumps({"type": "session.update", "session": session}))


@pytest.mark.unjudged("server")
def test_on_a_thread_it_serves_a_synchronous_caller_and_ends_in_time() -> None:
    with BackgroundSimulator(SCRIPT, key=KEY) as simulator:
        headers = {"Authorization": f"Bearer {KEY}"}
        with connect_now(simulator.url + MODEL, additional_headers=headers, proxy=None) as ws:
            assert json.loads(ws.recv(5))["type"] == "session.created"
            simulator.inject({"type": "hello"})
            assert json.loads(ws.recv(5))["type"] == "hello"
            simulator.stop_accepting()
            with pytest.raises(OSError, match="refused"):
                connect_now(simulator.url + MODEL, proxy=None)
            simulator.start_accepting()
            simulator.drop()
            with pytest.raises(ConnectionClosedError):
                ws.recv(5)
            assert [entry.event["type"] for entry in simulator.log] == ["session.created", "hello"]
    with pytest.raises(OSError, match="refused"):
        connect_now(simulator.url + MODEL, proxy=None)


def test_a_taken_port_is_an_error_at_once() -> None:
    with BackgroundSimulator(SCRIPT) as first:
        port = int(first.url.split(":")[2].split("/")[0])
        second = BackgroundSimulator(SCRIPT, port=port)
        with pytest.raises(OSError, match="in use"):
            second.__enter__()


@live
async def test_serving_says_where_and_what_until_it_is_cancelled() -> None:
    entries: list[Entry] = []
    async with Simulator(SCRIPT, watch=entries.append) as simulator, Caller(simulator.url):
        assert entries[0].event["type"] == "session.created"


def test_serve_prints_the_url_first(capsys: pytest.CaptureFixture[str]) -> None:
    async def play() -> None:
        serving = asyncio.create_task(serve("127.0.0.1", 0, SCRIPT, quiet=False))
        async with asyncio.timeout(10):
            while not (said := capsys.readouterr().out):  # noqa: ASYNC110 - print sets no event
                await asyncio.sleep(0.01)
            assert said.startswith("listening on ws://127.0.0.1:")
            async with Caller(said.split()[-1]):
                assert "session.created" in capsys.readouterr().out
            serving.cancel()
            await asyncio.wait([serving])

    asyncio.run(play())


def test_the_simulator_shares_no_code_with_the_client_it_judges() -> None:
    folder = Path(device.simulator.__file__).parent
    for module in folder.glob("*.py"):
        for node in ast.walk(ast.parse(module.read_text())):
            if isinstance(node, ast.ImportFrom):
                assert node.level == 1 or not (node.module or "").startswith("device"), module
            elif isinstance(node, ast.Import):
                assert not any(name.name.startswith("device") for name in node.names), module


def test_an_answer_is_read_from_a_recording_of_the_right_kind_only(tmp_path: Path) -> None:
    for rate in (24_000, 16_000):
        with wave.open(str(tmp_path / f"{rate}.wav"), "wb") as recording:
            recording.setparams((1, 2, rate, 0, "NONE", ""))
            recording.writeframes(speech(0.1))
    answer = Answer.wav(tmp_path / "24000.wav", transcript="hm", speed=2.0)
    assert (answer.audio, answer.transcript, answer.speed) == (speech(0.1), "hm", 2.0)
    with pytest.raises(ValueError, match=r"16000\.wav: 16000 Hz.*convert it to 24000 Hz"):
        Answer.wav(tmp_path / "16000.wav")


@pytest.mark.parametrize("manner", [{"speed": 0.0}, {"delta_ms": 0}, {"items": 0}])
def test_an_answer_that_cannot_be_spoken_is_refused(manner: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="must be positive"):
        Answer(b"\0\0", **manner)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="whole 16-bit frames"):
        Answer(b"\0")
    with pytest.raises(ValueError, match="at least one"):
        Script([])
