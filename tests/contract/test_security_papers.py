"""What is promised of security on paper, as far as the sources can show it."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from contract.source import ROOT, modules, name_of, tracked, tree

PAPER = (ROOT / "provisioning/README.md").read_text()
STANDARDS = PAPER.partition("\n## Standards\n")[2].partition("\n## ")[0]
PROVISIONS = dict(re.findall(r"^\| (\d\S*) .*\| (.*) \|$", STANDARDS, re.MULTILINE))
"""Each with what shows it."""
ASKED = (
    "5.1", "5.2", "5.3", "5.3-13", "5.3-16", "5.4-1", "5.4-3", "5.4-4", "5.5", "5.5-5", "5.6-1",
    "5.6-4", "5.6-7", "5.7", "5.8-2", "5.8-3", "5.9", "5.10", "5.11", "5.12", "5.13", "6",
)  # fmt: skip
SECRETS = re.compile(
    r"(?<![A-Za-z0-9])(?:sk|ek|rk)[-_][A-Za-z0-9_-]{12,}|AKIA[0-9A-Z]{16}|gh[pousr]_\w{20,}"
    r"|AIza[\w-]{30,}|xox[abp]-[\w-]{10,}|eyJ[\w-]{10,}\.eyJ|-----BEGIN [A-Z ]*PRIVATE KEY"
)
MADE_UP = re.compile(r"CANARY|0123456|1234567890|abcdef|^sk-(?:card|image|of-the|the)-")
"""What marks a key of a test, which opens nothing."""
OUR_HOSTS = {"api.openai.com"}
EXAMPLES = {"127.0.0.1", "NAME.openai.azure.com", "example.org", "keys.example.org"}
NAMES = {"json-schema.org", "www.w3.org"}
"""Of file formats; nobody goes there."""


def functions() -> dict[str, str]:
    """Every test with the text of its module."""
    return {
        node.name: path.read_text()
        for path in modules("tests")
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


def test_each_provision_that_applies_has_a_row() -> None:
    assert sorted(PROVISIONS) == sorted(ASKED)


@pytest.mark.parametrize("provision", ASKED)
def test_what_shows_a_provision_is_there(provision: str) -> None:
    assert shown(PROVISIONS[provision]), f"nothing shows {provision}"


def test_the_paragraph_on_the_cra_names_what_shows_it() -> None:
    assert len(shown(STANDARDS.rpartition("For the CRA")[2])) >= 5


def shown(text: str) -> list[str]:
    """The tests and their files that a text names, all of which must exist."""
    known = functions()
    found = [
        one for one in re.findall(r"`([^`]+)`", text) if re.match(r"test_|tests/|systemd/", one)
    ]
    for one in found:
        name, _, case = one.partition("[")
        if name.startswith("test_"):
            assert case.rstrip("]") in known[name], one
        else:
            assert (ROOT / one).exists(), one
    return found


def test_whoever_finds_a_fault_knows_where_to_tell_it_and_when_to_expect_an_answer() -> None:
    paper = (ROOT / "SECURITY.md").read_text()
    assert "private vulnerability report" in paper
    assert "an answer within five days, an assessment within fourteen, and a fix or" in paper


def test_how_long_it_is_supported_is_said() -> None:
    paper = (ROOT / "SECURITY.md").read_text()
    assert re.search(r"\*\*Supported\*\*: the latest release, until \w+ years after", paper)


def test_no_file_holds_a_secret() -> None:
    texts = {str(path): text(ROOT / path) for path in tracked() if (ROOT / path).is_file()}
    found = {(name, one) for name, said in texts.items() for one in SECRETS.findall(said)}
    assert len(found) > 10, "those of the tests"
    assert {(name, one) for name, one in found if not MADE_UP.search(one)} == set()


def text(path: Path) -> str:
    """What a file says; nothing, if it is none that people read: sound may look like anything."""
    try:
        return path.read_text()
    except UnicodeDecodeError:
        return ""


def test_whatever_is_fetched_from_pypi_is_known_by_its_hash() -> None:
    locks = [path for path in tracked() if path.suffix == ".lock"]
    assert len(locks) > 4
    for lock in locks:
        entries = re.split(r"(?m)^(?=[a-z])", (ROOT / lock).read_text())[1:]
        assert entries
        assert [entry for entry in entries if "--hash=sha256:" not in entry] == []


@pytest.mark.parametrize("script", ["Makefile", "provisioning/install.sh", "provisioning/deb.sh"])
def test_pip_asks_for_the_hash_of_all_that_it_fetches(script: str) -> None:
    text = (ROOT / script).read_text().replace("\\\n", " ")
    fetching = [
        line for line in text.splitlines()
        if re.search(r"pip.* (install|download|wheel) ", line)
        and not re.search(r"--no-index|-e \.|pip==", line)
    ]  # fmt: skip
    assert fetching
    assert [line for line in fetching if "--require-hashes" not in line] == []


def test_the_program_knows_no_address_but_the_servers() -> None:
    known = OUR_HOSTS | EXAMPLES | NAMES
    found = {
        (name_of(path), host)
        for path in modules("device")
        for said in constants(path)
        for host in re.findall(r"(?:https?|wss?)://([\w.-]+\w)", said)
        if host not in known
    }
    assert found == set(), "whatever it sends goes to the address in the settings"


def constants(path: Path) -> list[str]:
    return [
        node.value
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
