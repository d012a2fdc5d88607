"""A Realtime server on this machine: the demo's, the tests', and `pressel simulate`'s.

It speaks the server's side of the GA dialect over real WebSockets and follows a script instead
of a model. It shares no code with `device.core` or `device.drivers`, so that one misreading of the
protocol cannot hide on both sides. The map, from the outside in:

    server      the socket, and what tests may ask (`background`: the same on a thread)
    keys        who may come in; client secrets over HTTP
    session     one connection: client events in, server events out
    line        everything sent: in order, recorded, struck by faults
    hearing     the input buffer: turns, items, their transcription
    answering   which response runs: one in the conversation, some out of band
    reply       one response, paced; calls; cancellation
    ear         the audio clock and the energy VAD; `g711` telephone audio
    history     the conversation's items; truncate, delete
    settings    the session object and `session.update`
    dialect     the client's events; `shapes` are the rules, `refusal` the service's error texts
    script      what the assistant does; `faults`: what goes wrong
    scenario    both as a YAML file; `page` reads it
    record      what went over the wire
    brain       optional: real ears, rules and a real mouth in place of the script
"""

from . import faults
from .background import BackgroundSimulator
from .faults import Fault
from .history import Item
from .page import ScenarioMistake
from .record import Append, Entry
from .scenario import load
from .script import Answer, Call, Incomplete, McpCall, McpRequest, Mind, Script
from .server import Simulator, serve

__all__ = [
    "Answer",
    "Append",
    "BackgroundSimulator",
    "Call",
    "Entry",
    "Fault",
    "Incomplete",
    "Item",
    "McpCall",
    "McpRequest",
    "Mind",
    "ScenarioMistake",
    "Script",
    "Simulator",
    "faults",
    "load",
    "serve",
]
