"""The panel: the button, the mute switch and the light, on the pins of a Raspberry Pi.

The button reports its *first* edge at once and then keeps quiet for `BOUNCE_S`; after that the
level is read again, so what was reported always ends in what the pin says.

lights     how each state and code looks: the one table
lamps      what can shine: one LED, three colours, a ring
panel      all of it on its pins, and its thread

One thread, `pressel-panel`, plays the rhythm and reads the levels again. It sleeps for as long as
nothing is due: an idle panel wakes nobody. (gpiozero's own blinking starts and joins a thread for
each change and knows no double blink; its `Button` keeps one more thread for `when_held`.)
"""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Callable
from queue import SimpleQueue
from typing import TYPE_CHECKING, Final, Literal, Protocol

from msgspec import Struct, structs

from device.core.light import Light
from device.drivers.lamps import Coloured, Lamp, Ring, RingLamp, Single
from device.drivers.lights import Pattern, pattern_of
from device.drivers.thread import NamedThread
from device.errors import PanelError, StuckThread

if TYPE_CHECKING:
    from gpiozero import DigitalInputDevice

BOUNCE_S: Final = 0.025
"""How long the contact of a button may chatter; good ones are silent after 5 ms, cheap ones 20."""

Moment = Callable[[float], None]
"""Told the instant of an edge, in seconds of `time.monotonic()`. Must only post, never work."""


class Pins(Struct, frozen=True):
    """What is connected where, by GPIO number; `None` is not there.

    `pull` is the button's; a switch or button for muting is always between its pin and ground.
    `toggle`: it is a button, each press of which mutes or unmutes. Of several lights the ring is
    taken before `rgb` (red, green, blue), and that before `led`.
    """

    button: int | None = None
    pull: Literal["up", "down"] = "up"
    led: int | None = None
    rgb: tuple[int, int, int] | None = None
    mute: int | None = None
    toggle: bool = False
    ring: Ring | None = None

    @property
    def dark(self) -> Pins:
        """The same without any light."""
        return structs.replace(self, led=None, rgb=None, ring=None)


class Panel(Protocol):
    """A light to show things on. Edges of the button come through the callbacks of `open_panel`."""

    def show(self, light: Light) -> None:
        """Show `light` from now on. Returns at once; the same light again changes nothing."""

    def point(self, degrees: float) -> None:
        """Let the light point there, where it can, until another is shown. Returns at once."""

    def ask(self, answer: Callable[[], None]) -> None:
        """Let the panel's thread call `answer`: a sign of life. It must only hand over."""

    def close(self) -> None:
        """Dark, and every pin given back. Raises `StuckThread` if that takes over a second."""


class _Player:
    """Plays one pattern on a lamp, step by step. Used by the panel's thread alone."""

    def __init__(self, lamp: Lamp) -> None:
        self._lamp = lamp
        self._pattern: Pattern | None = None
        self._steps: tuple[tuple[float, float], ...] = ()
        self._next = 0
        self._due = math.inf
        self._brightness = 0.0
        self._toward: float | None = None

    def play(self, pattern: Pattern, *, toward: float | None, now: float) -> None:
        """Begin `pattern`; if it is the one being played it goes on undisturbed."""
        if pattern is self._pattern and toward != self._toward:
            self._lamp.show(pattern.rgb, self._brightness, toward=toward)
        self._toward = toward
        if pattern is not self._pattern:
            self._pattern = pattern
            self._steps = (self._lamp.coloured and pattern.colour_steps) or pattern.steps
            self._next = 0
            self._due = now

    def advance(self, now: float) -> float:
        """Take the steps that are due; the instant of the next, `inf` if there is none."""
        if self._pattern is not None and now >= self._due:
            self._brightness, seconds = self._steps[self._next]
            self._lamp.show(self._pattern.rgb, self._brightness, toward=self._toward)
            self._next = (self._next + 1) % len(self._steps)
            self._due = now + seconds
        return self._due

    def close(self) -> None:
        """Dark, and what it stands on given back."""
        self._lamp.close()


class _Contact:
    """A switch without its bounce: what it reports alternates, and ends in what the pin says."""

    def __init__(
        self,
        device: DigitalInputDevice,
        *,
        closed: Moment,
        opened: Moment,
        settle: Callable[[], None],
    ) -> None:
        self._device = device
        self._tell = {True: closed, False: opened}
        self._settle = settle
        self._lock = threading.Lock()
        self._level = bool(device.is_active)
        self._told: bool | None = None
        self._quiet_until = time.monotonic()  # an edge may fall between these lines: look once
        device.when_activated = self._on_closed
        device.when_deactivated = self._on_opened

    def tell_level(self) -> None:
        """Report the level as it is now, edge or not."""
        with self._lock:
            self._report(level=self._level, at=time.monotonic())

    def _on_closed(self) -> None:
        self._edge(level=True)

    def _on_opened(self) -> None:
        self._edge(level=False)

    def _edge(self, *, level: bool) -> None:
        at = time.monotonic()
        with self._lock:
            if at >= self._quiet_until and level != self._level:
                self._accept(level=level, at=at)

    def advance(self, now: float) -> float:
        """After the quiet time, believe the pin; the instant to look again, `inf` if none."""
        with self._lock:
            if self._quiet_until == -math.inf:
                return math.inf
            if now < self._quiet_until:
                return self._quiet_until
            level = bool(self._device.is_active)
            if level == self._level:
                self._quiet_until = -math.inf
                return math.inf
            self._accept(level=level, at=now)
            return self._quiet_until

    def _accept(self, *, level: bool, at: float) -> None:
        self._level = level
        self._quiet_until = at + BOUNCE_S
        # A button held down since before the start is no press, so its release is none either.
        if level or self._told is not None:
            self._report(level=level, at=at)
        self._settle()

    def _report(self, *, level: bool, at: float) -> None:
        self._told = level
        self._tell[level](at)

    def close(self) -> None:
        """Give the pin back; nothing is reported after this."""
        self._device.close()


class _GpioPanel:
    """The panel on real (or mock) pins. Owns the thread `pressel-panel`."""

    def __init__(self, pins: Pins) -> None:
        self._news = threading.Event()
        self._ending = threading.Event()
        self._light: tuple[Light, float | None] | None = None
        """What is shown, and where it points."""
        self._contacts: list[_Contact] = []
        self._player: _Player | None = None
        self._asked: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._thread = NamedThread("pressel-panel", self._run)
        self._pins = pins

    def show(self, light: Light) -> None:
        if self._light is None or self._light[0] != light:
            self._light = (light, None)
            self._news.set()

    def point(self, degrees: float) -> None:
        if self._light is not None:
            self._light = (self._light[0], degrees)
            self._news.set()

    def ask(self, answer: Callable[[], None]) -> None:
        self._asked.put(answer)
        self._news.set()

    def open_light(self) -> None:
        """Claim the pins of the light. Raises whatever gpiozero and the pins raise."""
        if self._pins.ring is not None:
            self._player = _Player(RingLamp(self._pins.ring))
        elif self._pins.rgb is not None:
            self._player = _Player(Coloured(self._pins.rgb))
        elif self._pins.led is not None:
            self._player = _Player(Single(self._pins.led))

    def open_button(self, *, pressed: Moment, released: Moment) -> None:
        """Claim the button's pin. A button held down at this moment is no press."""
        from gpiozero import DigitalInputDevice

        if self._pins.button is not None:
            device = DigitalInputDevice(self._pins.button, pull_up=self._pins.pull == "up")
            self._add(_Contact(device, closed=pressed, opened=released, settle=self._news.set))

    def open_mute(self, *, muted: Moment, unmuted: Moment, toggled: Moment) -> None:
        """Claim the pin of the mute switch and report how it stands; or that of the button."""
        from gpiozero import DigitalInputDevice

        if self._pins.mute is not None:
            device = DigitalInputDevice(self._pins.mute, pull_up=True)
            if self._pins.toggle:
                self._add(_Contact(device, closed=toggled, opened=_unheard, settle=self._news.set))
                return
            contact = _Contact(device, closed=muted, opened=unmuted, settle=self._news.set)
            self._add(contact)
            contact.tell_level()

    def _add(self, contact: _Contact) -> None:
        self._contacts.append(contact)

    def start(self) -> None:
        self._thread.start()

    def _run(self) -> None:
        while not self._ending.is_set():
            self._news.clear()
            now = time.monotonic()
            due = min((contact.advance(now) for contact in self._contacts), default=math.inf)
            if self._player is not None:
                if self._light is not None:
                    light, toward = self._light
                    self._player.play(pattern_of(light), toward=toward, now=now)
                due = min(due, self._player.advance(now))
            while not self._asked.empty():
                self._asked.get()()
            self._news.wait(None if due == math.inf else max(due - time.monotonic(), 0.0))

    def close(self) -> None:
        self._ending.set()
        self._news.set()
        if self._thread.is_alive():
            self._thread.join(1.0)
            if self._thread.is_alive():
                raise StuckThread("the thread pressel-panel did not end within 1 s")
        for contact in self._contacts:
            contact.close()
        if self._player is not None:
            self._player.close()
            self._player = None


def _unheard(_: float) -> None:
    """The release of a mute button means nothing."""


class _NoPanel:
    """No button and no light: nothing to claim, nothing to show, gpiozero never loaded."""

    def show(self, light: Light) -> None:
        """Nothing."""

    def point(self, degrees: float) -> None:
        """Nothing."""

    def ask(self, answer: Callable[[], None]) -> None:
        """There is nobody who could be late."""
        answer()

    def close(self) -> None:
        """Nothing."""


def open_panel(
    pins: Pins,
    *,
    pressed: Moment,
    released: Moment,
    muted: Moment,
    unmuted: Moment,
    toggled: Moment = _unheard,
) -> Panel:
    """Claim the pins and begin to report. The light is dark until the first `show`.

    The callbacks come from other threads and must only post. The mute switch reports how it
    stands before this returns; a mute button reports its presses as `toggled`.
    `GPIOZERO_PIN_FACTORY` chooses other pins than the Pi's own
    (`mock` for tests). Raises `PanelError` if the pins cannot be had; none are kept then.
    """
    if pins == Pins(pull=pins.pull, toggle=pins.toggle):
        return _NoPanel()
    _choose_pins()
    panel = _GpioPanel(pins)
    try:
        panel.open_light()
        panel.open_button(pressed=pressed, released=released)
        panel.open_mute(muted=muted, unmuted=unmuted, toggled=toggled)
    except Exception as problem:  # each pin library has its own classes; lgpio.error has no base
        panel.close()
        raise PanelError(
            f"the panel's pins ({_named(pins)}) cannot be used: {problem}",
            cure="see that no two parts and no other program use the same pin; a ring needs SPI "
            "switched on (dtparam=spi=on) and the group spi",
        ) from problem
    panel.start()
    return panel


def _choose_pins() -> None:
    """Name the kind of pins, once per process, instead of letting gpiozero try four in silence."""
    from gpiozero import Device

    if Device.pin_factory is not None:
        return
    name = os.environ.get("GPIOZERO_PIN_FACTORY") or "lgpio"
    try:
        if name == "mock":
            from gpiozero.pins.mock import MockFactory, MockPWMPin

            Device.pin_factory = MockFactory(pin_class=MockPWMPin)
        elif name == "lgpio":
            from gpiozero.pins.lgpio import LGPIOFactory

            Device.pin_factory = LGPIOFactory()
        else:
            Device.ensure_pin_factory()
    except Exception as problem:  # see open_panel
        raise PanelError(
            f"there are no GPIO pins here ({name}: {problem})",
            cure="on a Raspberry Pi install python3-lgpio and add the user to the group gpio; "
            "anywhere else write 'panel: {button: none, led: none}'",
        ) from problem


def _named(pins: Pins) -> str:
    ring = None if pins.ring is None else pins.ring.bus
    named = {"button": pins.button, "led": pins.led, "rgb": pins.rgb, "mute": pins.mute,
             "ring": ring}  # fmt: skip
    return ", ".join(f"{part} {pin}" for part, pin in named.items() if pin is not None)
