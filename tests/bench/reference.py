"""The reference: the plainest client that does the job. `reference.py URL`, nothing else."""

import base64
import json
import queue
import sys
import threading

import alsaaudio
from websockets.sync.client import connect

SESSION = {"type": "realtime", "audio": {"input": {"turn_detection": {"type": "semantic_vad"}}}}
TERMS = {"rate": 24000, "channels": 1, "periodsize": 480, "periods": 8}
PERIOD, CHUNK, BUFFER = 960, 1920, 480 * 8  # bytes, bytes, frames
sounds: queue.SimpleQueue[tuple[str, bytes]] = queue.SimpleQueue()
cut = threading.Event()


def send(kind: str, **fields: object) -> None:
    socket.send(json.dumps({"type": kind, **fields}))


def speak() -> None:
    speaker, item, written = alsaaudio.PCM(device="speaker", **TERMS), "", 0
    while True:
        news, sound = sounds.get()
        item, written = (item, written) if news in ("", item) else (news, 0)
        for at in range(0, len(sound), PERIOD):
            if cut.is_set():
                break
            piece = sound[at : at + PERIOD]
            while speaker.write(piece) < 0:  # after an underrun it must be offered again
                pass
            written += len(piece) // 2
        if cut.is_set():
            room = speaker.avail()
            held = BUFFER - room if room >= 0 else 0
            speaker.drop()
            while not sounds.empty():
                sounds.get()
            cut.clear()
            place = {"item_id": item, "content_index": 0, "audio_end_ms": (written - held) // 24}
            send("conversation.item.truncate", **place)


def listen() -> None:
    microphone, heard = alsaaudio.PCM(alsaaudio.PCM_CAPTURE, device="microphone", **TERMS), b""
    while True:
        heard += microphone.read()[1]
        if len(heard) >= CHUNK:
            send("input_audio_buffer.append", audio=base64.b64encode(heard).decode())
            heard = b""


with connect(sys.argv[1], compression=None, max_size=None) as socket:
    send("session.update", session=SESSION)
    for work in (speak, listen):
        threading.Thread(target=work, daemon=True).start()
    for message in map(json.loads, socket):
        if message["type"] == "response.output_audio.delta":
            sounds.put((message["item_id"], base64.b64decode(message["delta"])))
        elif message["type"] == "input_audio_buffer.speech_started":
            cut.set()
            sounds.put(("", b""))
