"""Is this event what the official types say? An empty list means yes.

The official client checks nothing, so its types are applied strictly here: the member is chosen
by `type`, JSON types must be exact, and a field that the member does not declare is a complaint.
The types know no ranges; those are added.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Annotated, Any, Union, get_args, get_origin

from openai.types.realtime import RealtimeClientEvent, RealtimeServerEvent
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

Json = dict[str, Any]

# The live service sends these; the types borrow the request's session, which lacks them.
_UNDECLARED = {"session.id", "session.object", "session.expires_at", "obfuscation"}


def _chosen_by_type(union: Any) -> TypeAdapter[Any]:
    inner = get_args(union)[0] if get_origin(union) is Annotated else union
    chosen: Any = Annotated[Union[get_args(inner)], Field(discriminator="type")]  # noqa: UP007
    return TypeAdapter(chosen)


_CLIENT = _chosen_by_type(RealtimeClientEvent)
_SERVER = _chosen_by_type(RealtimeServerEvent)


def check_server(event: Json) -> list[str]:
    """Complaints about an event of a server."""
    return [*_declared(_SERVER, event), *_ranges(event)]


def check_client(event: Json) -> list[str]:
    """Complaints about an event of a client."""
    return [*_declared(_CLIENT, _without_references(event)), *_ranges(event)]


def _without_references(event: Json) -> Json:
    """A `response.create` may refer to items; the types that can be validated do not know it."""
    response = event.get("response")
    if event.get("type") != "response.create" or not response or not response.get("input"):
        return event
    kept = [item for item in response["input"] if item.get("type") != "item_reference"]
    return {**event, "response": {**response, "input": kept}}


def _declared(adapter: TypeAdapter[Any], event: Json) -> list[str]:
    try:
        model = adapter.validate_json(json.dumps(event), strict=True)
    except ValidationError as error:
        return _nearest(error)
    return [path for path in _extras(model, "") if path not in _UNDECLARED]


def _nearest(error: ValidationError) -> list[str]:
    """Complaints of the kind of item or session that fits best: of all others too come many."""
    kinds: dict[str, list[str]] = {}
    for one in error.errors():
        place = list(map(str, one["loc"]))
        kind = next((step for step in place if step[:1].isupper()), "")
        kinds.setdefault(kind, []).append(f"{'.'.join(place)}: {one['msg']}")
    return min(kinds.values(), key=len)


def _extras(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, BaseModel):
        yield from (path + name for name in value.model_extra or {})
        fields: Any = [(name, getattr(value, name, None)) for name in type(value).model_fields]
    elif isinstance(value, dict):
        fields = value.items()
    elif isinstance(value, list):
        fields = enumerate(value)
    else:
        return
    for name, held in fields:
        yield from _extras(held, f"{path}{name}.")


_RANGES = {
    "audio_start_ms": (0, None),
    "audio_end_ms": (0, None),
    "content_index": (0, None),
    "output_index": (0, None),
    "speed": (0.25, 1.5),
    "threshold": (0.0, 1.0),
    "idle_timeout_ms": (5_000, 30_000),
    "max_output_tokens": (1, 4096),
    "retention_ratio": (0.0, 1.0),
}


def _ranges(event: Json) -> Iterator[str]:
    kind = event.get("type", "")
    if kind.endswith("audio.delta"):
        yield from _audio(event.get("delta"), "delta")
    if kind == "input_audio_buffer.append":
        yield from _audio(event.get("audio"), "audio")
    yield from _outside(event, "")


def _outside(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, dict):
        for name, held in value.items():
            least, most = _RANGES.get(name, (None, None))
            if isinstance(held, int | float) and (
                (least is not None and held < least) or (most is not None and held > most)
            ):
                yield f"{path}{name}: {held} is out of range"
            if name == "output_modalities" and held not in (["audio"], ["text"]):
                yield f"{path}{name}: {held} is not one modality"
            yield from _outside(held, f"{path}{name}.")
    elif isinstance(value, list):
        for index, held in enumerate(value):
            yield from _outside(held, f"{path}{index}.")


def _audio(text: Any, name: str) -> Iterator[str]:
    try:
        pcm = base64.b64decode(text, validate=True)
    except (TypeError, ValueError):
        yield f"{name}: not base64"
        return
    if len(pcm) % 2:
        yield f"{name}: half a frame"
