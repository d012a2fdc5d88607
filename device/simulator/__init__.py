"""A Realtime server on this machine: the demo's, the tests', and `pressel simulate`'s.

It speaks the server's side of the GA dialect over real WebSockets and follows a script instead
of a model. It shares no code with `device.core` or `device.drivers`, so that one misreading of the
protocol cannot hide on both sides. The map, from the outside in:

    server      the socket, the keys, what tests may ask (`background`: the same on a thread)
    session     one connection: client events in, server events out
    reply       one response, paced; cancellation
    ear         the audio clock, the input buffer, the energy VAD
    history     the conversation's items; truncate, delete
    settings    the session object and `session.update`
    dialect     the client's events; `shapes` are the rules, `refusal` the service's error texts
    script      what the assistant does
    record      what went over the wire

Not in it yet: G.711, tools and MCP, user transcripts, `idle_timeout_ms`, out-of-band responses.
"""

from .background import BackgroundSimulator
from .history import Item
from .record import Append, Entry
from .script import Answer, Script
from .server import Simulator, serve

__all__ = [
    "Answer",
    "Append",
    "BackgroundSimulator",
    "Entry",
    "Item",
    "Script",
    "Simulator",
    "serve",
]
