"""Which sound of the server may be played: replies and items by their ids, never by order.

Deltas of a reply that was cut keep coming for a while, some servers repeat or reorder events, and
a hostile one may send anything. So a delta is played only when its reply was announced and is not
disowned, and its item was announced for that reply.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Final, Generic, TypeVar

from msgspec import Struct

from device.core.audio import Frames, whole_ms
from device.core.ledger import Heard, ItemId
from device.core.wire import ClientEvent, DeleteItem, ResponseId, TruncateItem

REMEMBERED: Final = 256
"""Ids kept per kind: a conversation of hours must not grow."""

Key = TypeVar("Key", bound=Hashable)


class Recent(Generic[Key]):
    """The last `REMEMBERED` keys, as a set."""

    def __init__(self) -> None:
        self._keys: dict[Key, None] = {}

    def add(self, key: Key) -> None:
        """Remember it, and forget the oldest one when there are too many."""
        self._keys[key] = None
        if len(self._keys) > REMEMBERED:
            del self._keys[next(iter(self._keys))]

    def __contains__(self, key: object) -> bool:
        return key in self._keys


class _Item(Struct):
    """One message of a reply, as far as it was announced, sent and heard."""

    response: ResponseId
    complete: bool = False
    over: bool = False
    """Given up, or all of it was sent: nothing more of it is played."""
    shortened: bool = False
    heard: int = 0
    """Frames that were heard before a gap so long that the speaker closed its account."""


class Replies:
    """The book of one connection: what was announced, what is complete, what is disowned."""

    def __init__(self) -> None:
        self.active: ResponseId | None = None
        """The reply being generated now, if any."""
        self._items: dict[ItemId, _Item] = {}
        self._seen: Recent[ResponseId] = Recent()
        self._disowned: Recent[ResponseId] = Recent()

    @property
    def unfinished(self) -> bool:
        """Sound of the reply that is being made is still to come."""
        parts = [item for item in self._items.values() if item.response == self.active]
        return self.active is not None and not all(item.complete for item in parts)

    def created(self, response: ResponseId) -> bool:
        """A reply begins. False for one that is known already (servers repeat themselves)."""
        if response in self._seen:
            return False
        self._seen.add(response)
        self.active = response
        return True

    def announced(self, response: ResponseId, item: ItemId) -> None:
        """A reply has this item. Unknown replies count for nothing, nor does a second time."""
        if response in self._seen and item not in self._items:
            self._items[item] = _Item(response, over=response in self._disowned)
            if len(self._items) > REMEMBERED:
                del self._items[next(iter(self._items))]

    def knows(self, item: ItemId) -> bool:
        """Was this item announced on this connection?"""
        return item in self._items

    def playable(self, response: ResponseId, item: ItemId) -> bool:
        """May a delta of this item of this reply be played?"""
        known = self._items.get(item)
        return known is not None and known.response == response and not known.over

    def complete(self, item: ItemId) -> None:
        """All sound of this item was sent."""
        if item in self._items:
            self._items[item].complete = True

    def shorten(self, item: ItemId) -> None:
        """Sound of this item was left out: the person will not hear its end."""
        self._items[item].shortened = True

    def done(self, response: ResponseId) -> None:
        """The reply is over: its items are complete, and what still comes of it is a repetition."""
        if self.active == response:
            self.active = None
        complete = response not in self._disowned
        for item in self._items.values():
            if item.response == response:
                item.complete, item.over = item.complete or complete, True
        if response in self._seen:
            self._disowned.add(response)

    def disown(self) -> None:
        """Whatever was announced so far is not to be played any more."""
        for item in self._items.values():
            item.over = True
            self._disowned.add(item.response)
        if self.active is not None:
            self._disowned.add(self.active)

    def disowned(self, response: ResponseId) -> bool:
        """Was this reply given up?"""
        return response in self._disowned

    def correction(self, account: Heard) -> ClientEvent | None:
        """What the server must be told about an item that stopped playing.

        Heard to its end: nothing, a needless truncate makes models repeat themselves. Not heard
        at all: it never was. Else: cut its memory at the millisecond that was audible.
        """
        item = self._items.get(account.item)
        if item is None:
            return None
        whole = item.complete or not item.over
        item.heard += account.heard
        if account.heard >= account.received and whole and not item.shortened:
            return None
        heard = whole_ms(Frames(item.heard))
        return TruncateItem(account.item, heard) if heard else DeleteItem(account.item)
