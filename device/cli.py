"""The command line: words in, exit status out."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import gc
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

# One thread for numpy's linear algebra, which we do not use: saves 8 MB and a thread per core.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from device import __version__
from device.errors import EXIT_CONFIG, ControlUnavailable, PresselError

if TYPE_CHECKING:
    import ssl

    from device.simulator.script import Script

CONFIG: Final = Path("/etc/pressel/pressel.yaml")
RUNTIME: Final = Path("/run/pressel")
DESCRIPTION: Final = "A push-to-talk voice appliance for Raspberry Pi-class boards."
EPILOG: Final = """\
First time on a new board?   pressel check
The daemon's log:            journalctl -u pressel -f
"""


def main(words: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status, after sysexits(3)."""
    arguments = _parser().parse_args(words)
    command: Callable[[argparse.Namespace], int] = arguments.command
    try:
        return command(arguments)
    except PresselError as problem:
        print(problem if problem.code == "config" else f"pressel: {problem}", file=sys.stderr)
        return problem.exit_status
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "pressel", description=DESCRIPTION, epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--version", action="version", version=f"pressel {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def command(name: str, does: Callable[[argparse.Namespace], int], text: str) -> (
        argparse.ArgumentParser
    ):  # fmt: skip
        sub = commands.add_parser(name, help=text, description=text + ".")
        sub.set_defaults(command=does)
        sub.add_argument(
            "--config", "-c", type=Path, default=CONFIG, metavar="FILE", help=f"default: {CONFIG}"
        )
        sub.add_argument("--log-format", choices=("text", "json"), help="default: what fits stderr")
        sub.add_argument(
            "--runtime-dir", type=Path, metavar="DIR",
            help="where the control socket is; $RUNTIME_DIRECTORY goes before it",
        )  # fmt: skip
        return sub

    command("run", _run, "Run the daemon (what systemd starts)")
    _add_checked(command("check", _check, "Test each part, one line each, with the cure"))
    command("devices", _devices, "List the ALSA devices and what they can do")
    command("config", _config, "Print the effective configuration, secrets masked")
    demo = command("demo", _demo, "Run the main job without hardware, key or network")
    demo.add_argument("--live", action="store_true", help="use this machine's own sound card")
    _add_brain(demo)
    demo.add_argument("--out", type=Path, default=Path("demo"), help="where the recordings go")
    _add_simulated(command("simulate", _simulate, "Run the local server alone"))
    _add_provisioned(command("provision", _provision, "Import the settings of the SD card"))
    for word in ("press", "release", "tap"):
        command(word, _remote, f"{word.title()} the running daemon's button").set_defaults(
            word=word
        )
    _add_told(command)
    return parser


def _add_checked(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--quick", action="store_true", help="play nothing; echo, xruns and drift are left out"
    )
    parser.add_argument(
        "--interactive", action=argparse.BooleanOptionalAction,
        help="show every light and wait for a press; default: where there is a keyboard",
    )  # fmt: skip


def _add_provisioned(parser: argparse.ArgumentParser) -> None:
    what = parser.add_mutually_exclusive_group()
    what.add_argument(
        "--check", type=Path, metavar="FILE", help="only judge this file, on any computer"
    )
    what.add_argument(
        "--write-example", type=Path, metavar="DIR", help="put the files for a card there"
    )
    what.add_argument("--report", action="store_true", help="only write pressel-status.txt anew")
    parser.add_argument(
        "--root", type=Path, default=Path("/"), metavar="DIR",
        help="where the device's file system begins; default: /",
    )  # fmt: skip


def _add_told(
    command: Callable[[str, Callable[[argparse.Namespace], int], str], argparse.ArgumentParser],
) -> None:
    """The commands that tell of the running daemon and of what it did."""
    packed = command("bundle", _bundle, "Write one file for support, without any secret")
    packed.add_argument(
        "--out", type=Path, default=Path("pressel-bundle.tar.gz"), metavar="FILE",
        help="a new file; default: pressel-bundle.tar.gz",
    )  # fmt: skip
    _add_counted(command("stats", _stats, "Count the journal's turns, times and troubles"))
    status = command("status", _remote, "Ask the running daemon what it is doing")
    status.set_defaults(word="status")
    status.add_argument("--json", action="store_true", help="all of it, for programs")


def _add_counted(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--since", type=_span, default="7d", metavar="SPAN",
        help="how far back: 90min, 12h, 7d; default: 7d",
    )  # fmt: skip
    parser.add_argument(
        "--log", type=Path, metavar="FILE", help="a json log, all of it, in place of the journal"
    )
    parser.add_argument("--svg", type=Path, metavar="FILE", help="draw the times there, too")


def _add_simulated(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8765)
    _add_brain(parser)
    parser.add_argument("--scenario", type=Path, metavar="FILE", help="its answers and faults")
    parser.add_argument(
        "--tls", type=Path, metavar="CERT", help="serve wss:// with this certificate chain (PEM)"
    )
    parser.add_argument(
        "--key-file", type=Path, metavar="KEY", help="its private key; default: in CERT itself"
    )


def _add_brain(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--brain", choices=("script", "local"), default="script",
        help="local: understand English and answer by rules; needs pip install 'pressel[local]'",
    )  # fmt: skip


# Each command imports what it needs: `pressel status` must not load a sound library.


def _run(arguments: argparse.Namespace) -> int:
    gc.disable()  # importing makes no garbage: looking for it takes 5 % of the start (measured)
    from device.daemon import run
    from device.drivers.journal import Journal, natural_format
    from device.lastgood import settings

    gc.enable()
    gc.freeze()

    meant = settings(arguments.config, environ=os.environ)
    loaded = meant.loaded
    log = loaded.config.log
    journal = Journal(arguments.log_format or natural_format(), level=log.level)
    for warning in loaded.warnings:
        journal.write("warning", "config", f"{arguments.config}:{warning}", line=warning.line)
    return run(
        loaded.config, journal,
        path=arguments.config, environ=os.environ, runtime=_runtime(arguments),
        mistake=meant.mistake,
    )  # fmt: skip


def _runtime(arguments: argparse.Namespace) -> Path | None:
    """The directory of the control socket; None where there can be none."""
    directory = _runtime_directory(arguments)
    with contextlib.suppress(OSError):
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    return directory if directory.is_dir() else None


def _runtime_directory(arguments: argparse.Namespace) -> Path:
    given = os.environ.get("RUNTIME_DIRECTORY")
    return Path(given) if given else arguments.runtime_dir or RUNTIME


def _remote(arguments: argparse.Namespace) -> int:
    import json

    from device.drivers.control import ask

    directory = _runtime_directory(arguments)
    reply = json.loads(ask(directory, arguments.word))
    if "error" in reply:
        raise ControlUnavailable(reply["error"])
    if arguments.word == "status":
        said = reply.pop("said", [])
        print(json.dumps(reply, indent=2) if arguments.json else "\n".join(said))
    return 0


def _config(arguments: argparse.Namespace) -> int:
    from device.config import load_file, show

    loaded = load_file(arguments.config)
    for warning in loaded.warnings:
        print(f"{arguments.config}:{warning}", file=sys.stderr)
    print(show(loaded.config), end="")
    return 0


def _provision(arguments: argparse.Namespace) -> int:
    if arguments.check is not None:
        return _judge(arguments.check)
    if arguments.write_example is not None:
        return _write_example(arguments.write_example)
    from device.drivers.journal import Journal, natural_format  # not on Windows
    from device.provision import provision

    provision(
        Journal(arguments.log_format or natural_format()),
        root=arguments.root, late=arguments.report,
    )  # fmt: skip
    return 0


def _judge(path: Path) -> int:
    """Say what the device would say about this file."""
    from device.config import read_file, survey

    for note in survey(read_file(path, option="--check"), source=str(path)):
        print(f"{path}:{note}", file=sys.stderr)
    print(f"{path}: good")
    return 0


def _write_example(directory: Path) -> int:
    from device.provision import write_example

    for line in write_example(directory):
        print(line)
    return 0


def _check(arguments: argparse.Namespace) -> int:
    from device.check import check

    asked: bool | None = arguments.interactive
    return check(
        arguments.config,
        runtime=_runtime_directory(arguments),
        quick=arguments.quick,
        interactive=sys.stdin.isatty() if asked is None else asked,
    )


def _bundle(arguments: argparse.Namespace) -> int:
    from device.bundle import bundle

    bundle(
        arguments.out,
        config=arguments.config, runtime=_runtime_directory(arguments), environ=os.environ,
    )  # fmt: skip
    print(f"{arguments.out}: look through it before you send it")
    return 0


def _span(text: str) -> float:
    from device.stats import ago

    return ago(text)


def _stats(arguments: argparse.Namespace) -> int:
    from device.stats import counted, from_journal, from_log

    lines = from_log(arguments.log) if arguments.log else from_journal(since_s=arguments.since)
    found = counted(lines)
    print(*found.told(), sep="\n")
    if arguments.svg is not None:
        from device.picture import drawn

        arguments.svg.write_text(drawn(found))
    return 0


def _devices(_: argparse.Namespace) -> int:
    from device.check import devices

    return devices()


def _demo(arguments: argparse.Namespace) -> int:
    from device.demo import demo

    return demo(arguments.out, live=arguments.live, brain=arguments.brain)


def _simulate(arguments: argparse.Namespace) -> int:
    import asyncio

    from device.demo.answers import script
    from device.simulator import ScenarioMistake, load, serve

    try:
        played = load(arguments.scenario) if arguments.scenario else script()
        tls = _tls(arguments.tls, key=arguments.key_file)
    except (ScenarioMistake, TlsMistake) as mistake:
        print(mistake, file=sys.stderr)
        return EXIT_CONFIG
    with contextlib.suppress(KeyboardInterrupt), contextlib.ExitStack() as stack:
        if arguments.brain == "local":
            played = _with_local_brain(played, stack)
        asyncio.run(serve(arguments.host, arguments.port, played, tls=tls))
    return 0


class TlsMistake(ValueError):
    """Certificate and key that cannot be served, and what to do."""


def _tls(certificate: Path | None, *, key: Path | None) -> ssl.SSLContext | None:
    """What serves TLS; None without a certificate. Raises TlsMistake."""
    import ssl

    if certificate is None:
        if key is not None:
            raise TlsMistake(
                f"--key-file {key} alone serves nothing; type --tls and the file of its certificate"
            )
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        # An encrypted key must not ask for its password here.
        context.load_cert_chain(certificate, key, password=lambda: "")
    except OSError as error:
        files = f"{certificate} and {key}" if key else f"{certificate}"
        cure = "name a certificate chain and its key, both PEM, the key without a password"
        raise TlsMistake(f"{files}: {error.strerror or error}; {cure}") from None
    return context


def _with_local_brain(script: Script, stack: contextlib.ExitStack) -> Script:
    """The script with the local brain to answer; as it is, and a word why, without the extra."""
    from device.simulator.brain import BrainMissing, LocalBrain, Speech

    try:
        brain = stack.enter_context(LocalBrain(Speech()))
    except BrainMissing as missing:
        print(f"pressel: {missing}; the answers come from the script", file=sys.stderr)
        return script
    return dataclasses.replace(script, mind=brain.meet)
