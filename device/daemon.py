"""The daemon: builds the parts, brings events in and effects out, and ends in order.

The one place where core and drivers meet. Everything that happens becomes an event in the loop;
`take` gives it to the conversation and performs the effects, in order, none of them waiting. A
missing microphone, speaker or network is a state with a light and a retry; only a bug ends the
process, with exit status 70 and a line that says where.
"""

from __future__ import annotations

import asyncio
import contextlib
import faulthandler
import json
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from device import __version__, wishes
from device.account import Account
from device.config import Config
from device.core import events as ev
from device.core import tables, terms, wire
from device.core.conversation import Conversation
from device.core.events import Effect, Event, Part, Timer
from device.core.ledger import CUE
from device.core.light import sentence
from device.destination import Destination
from device.drivers.capture import Capture
from device.drivers.cards import Cards, folders
from device.drivers.control import Control
from device.drivers.cues import tones
from device.drivers.journal import Journal
from device.drivers.link import Link
from device.drivers.memo import Memo
from device.drivers.pcm import quieten_alsa
from device.drivers.playout import Playout
from device.drivers.service import Service
from device.errors import EXIT_BUG, ConfigError, StuckThread
from device.frontpanel import opened
from device.troubles import TROUBLES
from device.watch import Ask, Watch

JOIN_S: Final = 0.5
RUN_ID: Final = os.urandom(3).hex()
"""Tells the turns of this run from those of any other."""
LINK_CLOSE_S: Final = 0.6
"""All waits of the end together stay below the two seconds that SIGTERM may take."""


class Daemon:
    """One device, running. Make it inside the event loop; `run` returns the exit status."""

    def __init__(
        self,
        config: Config,
        journal: Journal,
        *,
        path: Path,
        environ: Mapping[str, str],
        runtime: Path | None,
    ) -> None:
        self._journal = journal
        self._service = Service()
        self._loop = asyncio.get_running_loop()
        self._over: asyncio.Future[int] = self._loop.create_future()
        self._timers: dict[Timer, asyncio.TimerHandle] = {}
        self._account = Account(time.monotonic())
        self._conversation = Conversation(wishes.habits(config))
        aloud = wishes.aloud(config)
        self._capture = Capture(
            config.microphone.device,
            wishes.capture_format(config),
            use=wishes.used_channels(config),
            block=wishes.block_length(config),
            post=self._post,
            ear=wishes.ear(aloud),
            array=wishes.array(config),
            hearing=lambda: self._conversation.hearing,
            loopback=wishes.loopback(config),
        )
        self._playout = Playout(
            config.speaker.device,
            loudness=wishes.loudness(config),
            latency=wishes.latency(config),
            unsure=wishes.unsure(config),
            post=self._post,
            aloud=aloud,
            limiter=wishes.limiter(config),
        )
        self._language = config.assistant.language
        self._destination = Destination(config, path=path, environ=environ, warn=self.configuration)
        self._telephone = wishes.line(config)
        self._link = self._linked()
        self._memo = Memo(environ.get("STATE_DIRECTORY"))
        self._panel = opened(
            wishes.pins(config), self._memo, post=self._post, complain=self._complain
        )
        self._watch = Watch(self._loops(), service=self._service, take=self.take)
        self._control = None if runtime is None else Control(runtime, receive=self._command)

    def _linked(self) -> Link:
        sound = self._telephone or wire
        self._append = sound.append
        return Link(
            self._destination.endpoint,
            post=self._from_link,
            changed=self._destination.changed,
            busy=lambda: self._conversation.busy,
            decode=sound.decode,
        )

    def _loops(self) -> Mapping[str, Ask]:
        """Every loop of ours but the event loop, and how it is asked for a sign of life."""
        return {
            "capture": self._capture.ask,
            "playout": self._playout.ask,
            "panel": self._panel.ask,
        }

    async def run(self) -> int:
        """Run until a signal, or a bug; returns the exit status."""
        quieten_alsa()
        threading.excepthook = self._thread_died
        self._loop.set_exception_handler(self._callback_died)
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, self._finish, 0)
        self._capture.start()
        self._playout.start()
        cards = Cards(folders(os.environ), post=self.take)  # alsa-lib reads the same environment
        link = asyncio.create_task(self._link.run(), name="link")
        link.add_done_callback(self._task_died)
        for effect in self._conversation.start():
            self._do(effect)
        self._watch.start()
        self._service.ready()
        self._journal.write("info", "ready", f"pressel {__version__} is ready", version=__version__)
        try:
            return await self._over
        finally:
            cards.close()
            await self._end(link)

    def take(self, event: Event) -> None:
        """Give one event to the conversation and do what it says. In the loop only."""
        if self._over.done() and not isinstance(event, ev.Stopping):
            return
        for effect in self._conversation.handle(event):
            self._do(effect)

    def _post(self, event: Event) -> None:
        """The same from any thread."""
        with contextlib.suppress(RuntimeError):  # the loop has ended: nobody is left to tell
            self._loop.call_soon_threadsafe(self.take, event)

    def _from_link(self, event: Event) -> None:
        """What the link says: a refused key is not kept, a new session begins in silence.

        Sound in another format than ours would be noise at full volume: no such session begins.
        """
        match event:
            case ev.LinkUp() if noise := terms.other_format(event.differences):
                self._link.drop("settings", f"the server does not take server.audio: {noise}")
                return
            case ev.LinkDown(code="key"):
                self._destination.refused()
            case ev.LinkUp() if self._telephone is not None:
                self._telephone.reset()
            case _:
                pass
        self.take(event)

    def configuration(self, mistake: ConfigError | None) -> None:
        """Tell of settings that are meant and have a mistake; None when they have none any more."""
        now = time.monotonic()
        if mistake is None:
            self._post(ev.SettingsRight(now))
            return
        self._post(ev.SettingsWrong(now))
        first = mistake.problems[0]
        what = f"the last good settings stay: {mistake.source}:{first}"
        self._journal.write("warning", "config", what, line=first.line)

    # What is done.

    def _do(self, effect: Effect) -> None:
        PERFORM[type(effect)](self, effect)

    def _set_timer(self, effect: ev.SetTimer) -> None:
        self._stop_timer(ev.StopTimer(effect.timer))
        self._timers[effect.timer] = self._loop.call_later(
            effect.after_s, self._timer_fired, effect.timer
        )

    def _stop_timer(self, effect: ev.StopTimer) -> None:
        timer = self._timers.pop(effect.timer, None)
        if timer is not None:
            timer.cancel()

    def _timer_fired(self, timer: Timer) -> None:
        del self._timers[timer]
        self.take(ev.TimerFired(time.monotonic(), timer))

    def _probe(self, effect: ev.Probe) -> None:
        part = self._capture if effect.part is Part.MICROPHONE else self._playout
        part.probe()

    def _sound(self, effect: ev.Sound) -> None:
        self._playout.play(CUE, tones(effect.cue))
        self._playout.end()

    def _keep_muted(self, effect: ev.KeepMuted) -> None:
        """In a thread: a disk may take its time."""
        self._memo.wish(muted=effect.muted)
        keeping = asyncio.create_task(asyncio.to_thread(self._memo.keep))
        keeping.add_done_callback(self._kept)

    def _kept(self, keeping: asyncio.Task[None]) -> None:
        problem = None if keeping.cancelled() else keeping.exception()
        if problem is not None:
            what = f"the mute button is not remembered over a restart: {problem}"
            self._complain("state", what, TROUBLES["state"].cure)

    def _say(self, effect: ev.Say) -> None:
        from device.voice import clip  # for those who are told something: no part of the start

        said = clip(TROUBLES[effect.code].clip, self._language)
        self._playout.play(CUE, said or tones(ev.Cue.ERROR))
        self._playout.end()
        how = "sentence" if said else "tone"
        told = f"told by a {how}: {TROUBLES[effect.code].means}"
        self._journal.write("info", "told", told, code=effect.code, how=how)

    def _show(self, effect: ev.ShowLight) -> None:
        self._panel.show(effect.light)
        self._service.status(sentence(effect.light))

    def _report(self, line: ev.Report) -> None:
        self._account.note(line, time.monotonic())
        fields = dict(line.fields)
        turn = fields.get("turn") or self._conversation.turn
        if turn:
            fields["turn"] = f"{RUN_ID}-{turn}"
        if line.repeats:
            self._journal.write_repeating(
                line.repeats, line.level, line.event, line.sentence, **fields
            )
        else:
            self._journal.write(line.level, line.event, line.sentence, **fields)

    def _complain(self, code: str, what: str, cure: str) -> None:
        """A trouble that the core cannot know of."""
        self._journal.write("error", "error", f"{what}; {cure}", code=code, what=what, cure=cure)

    # Remote control.

    def _command(self, word: str) -> str:
        now = time.monotonic()
        match word:
            case "tap":
                self.take(ev.Tapped(now))
            case "press":
                self.take(ev.Pressed(now))
            case "release":
                self.take(ev.Released(now))
            case _:
                pass
        return json.dumps(self._status())

    def _status(self) -> dict[str, object]:
        talk, now = self._conversation, time.monotonic()
        up = talk.link is tables.Link.UP
        return {
            "said": list(self._account.sentences(talk.light, up=up, now=now)),
            "light": talk.light.state.value,
            "code": talk.light.code,
            "link": talk.link.value,
            "gate": type(talk.gate).__name__.lower(),
            "reply": talk.reply.value,
            **self._account.figures(now),
            "ignored": dict(talk.ignored),
            "version": __version__,
        }

    # The end.

    def _finish(self, status: int) -> None:
        if not self._over.done():
            self._over.set_result(status)

    async def _end(self, link: asyncio.Task[None]) -> None:
        """Microphone first, then the rest; each step has its deadline."""
        self._service.stopping()
        self._watch.stop()
        self.take(ev.Stopping(time.monotonic()))
        for timer in self._timers.values():
            timer.cancel()
        for thread in (self._capture, self._playout):
            try:
                await asyncio.to_thread(thread.stop, JOIN_S)
            except StuckThread as problem:
                self._complain("late", problem.what, problem.cure)
        link.cancel()
        await asyncio.wait([link], timeout=LINK_CLOSE_S)
        if self._control is not None:
            self._control.close()
        self._panel.close()
        self._journal.write("info", "stopped", "pressel has stopped")

    def _bug(self, where: str, problem: BaseException | None) -> None:
        """Say where, then end: the service manager starts us anew."""
        trace = "".join(traceback.format_exception(problem)) if problem else where
        self._journal.write("error", "bug", f"{where} failed: {problem!r}", trace=trace[-3000:])
        self._finish(EXIT_BUG)

    def _thread_died(self, args: threading.ExceptHookArgs) -> None:
        name = args.thread.name if args.thread else "a thread"
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._bug, f"thread {name}", args.exc_value)

    def _callback_died(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        problem = context.get("exception")
        if isinstance(problem, OSError):  # a socket that died twice; its owner already knows
            self._journal.write("debug", "loop", str(context.get("message")))
            return
        self._bug(str(context.get("message", "the loop")), problem)

    def _task_died(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is not None:
            self._bug("the link", task.exception())


PERFORM: Final[Mapping[type[Effect], Callable[[Daemon, Any], None]]] = {
    ev.SendAudio: lambda self, effect: self._link.send(self._append(effect.uplink)),
    ev.Send: lambda self, effect: self._link.send(wire.encode(effect.message)),
    ev.Play: lambda self, effect: self._playout.play(effect.item, effect.pcm),
    ev.EndPlay: lambda self, _: self._playout.end(),
    ev.Cut: lambda self, _: self._playout.cut(),
    ev.Hold: lambda self, _: self._playout.hold(),
    ev.GoOn: lambda self, _: self._playout.go_on(),
    ev.Point: lambda self, effect: self._panel.point(effect.degrees),
    ev.OpenMicrophone: lambda self, _: self._capture.open(),
    ev.CloseMicrophone: lambda self, _: self._capture.close(),
    ev.SetTimer: Daemon._set_timer,
    ev.StopTimer: Daemon._stop_timer,
    ev.Probe: Daemon._probe,
    ev.DialNow: lambda self, effect: self._link.dial_now(effect.apart_s),
    ev.Redial: lambda self, effect: self._link.drop(effect.code, effect.reason),
    ev.Renew: lambda self, _: self._link.renew(),
    ev.Rest: lambda self, _: self._link.rest(),
    ev.Sound: Daemon._sound,
    ev.KeepMuted: Daemon._keep_muted,
    ev.Say: Daemon._say,
    ev.Hush: lambda self, _: self._playout.cut(),
    ev.ShowLight: Daemon._show,
    ev.Report: Daemon._report,
}
"""How each effect is done."""


def run(
    config: Config,
    journal: Journal,
    *,
    path: Path,
    environ: Mapping[str, str],
    runtime: Path | None,
    mistake: ConfigError | None = None,
) -> int:
    """Run one daemon in a new event loop; returns the exit status.

    `path` holds `config`, or the `mistake` for which it does not.
    """

    async def main() -> int:
        daemon = Daemon(config, journal, path=path, environ=environ, runtime=runtime)
        if mistake is not None:
            daemon.configuration(mistake)
        return await daemon.run()

    faulthandler.enable()  # the manager's SIGABRT then writes where every thread stands
    # A thread that computes for 5 ms (the default) would be 5 ms of lateness for the others.
    sys.setswitchinterval(0.001)
    return asyncio.run(main())
