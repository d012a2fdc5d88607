"""Which sound of the server may be played: replies and items by their ids, never by order.

Deltas of a reply that was cut keep coming for a while, some servers repeat or reorder events, and
a hostile one may send anything. So a delta is played only when its reply was announced and is not
disowned, and its item was announced for that reply.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Final, Generic, TypeVar

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


class Replies:
    """The book of one connection: what was announced, what is complete, what is disowned."""

    def __init__(self) -> None:
        self.active: ResponseId | None = None
        """The reply being generated now, if any."""
        self._announced: dict[ItemId, ResponseId] = {}
        self._seen: Recent[ResponseId] = Recent()
        self._disowned: Recent[ResponseId] = Recent()
        self._complete: Recent[ItemId] = Recent()

    def created(self, response: ResponseId) -> bool:
        """A reply begins. False for one that is known already (servers repeat themselves)."""
        if response in self._seen:
            return False
        self._seen.add(response)
        self.active = response
        return True

    def announced(self, response: ResponseId, item: ItemId) -> None:
        """A reply has this item. Announcements of unknown replies count for nothing."""
        if response in self._seen:
            self._announced[item] = response
            if len(self._announced) > REMEMBERED:
                del self._announced[next(iter(self._announced))]

    def playable(self, response: ResponseId, item: ItemId) -> bool:
        """May a delta of this item of this reply be played?"""
        return self._announced.get(item) == response and response not in self._disowned

    def complete(self, item: ItemId) -> None:
        """All sound of this item was sent."""
        self._complete.add(item)

    def done(self, response: ResponseId) -> None:
        """The reply is generated, cancelled or failed: its items are complete."""
        if self.active == response:
            self.active = None
        if response not in self._disowned:
            for item, of in self._announced.items():
                if of == response:
                    self._complete.add(item)

    def disown(self) -> None:
        """Whatever was announced so far is not to be played any more."""
        for response in {*self._announced.values(), self.active}:
            if response is not None:
                self._disowned.add(response)

    def disowned(self, response: ResponseId) -> bool:
        """Was this reply given up?"""
        return response in self._disowned

    def correction(self, account: Heard) -> ClientEvent | None:
        """What the server must be told about an item that stopped playing.

        Heard to its end: nothing, a needless truncate makes models repeat themselves. Not heard
        at all: it never was. Else: cut its memory at the millisecond that was audible.
        """
        response = self._announced.get(account.item)
        if response is None:
            return None
        whole = account.item in self._complete or response not in self._disowned
        if account.heard >= account.received and whole:
            return None
        if not account.heard_ms:
            return DeleteItem(account.item)
        return TruncateItem(account.item, account.heard_ms)
