"""Where the key comes from, and that it stays unseen."""

import pytest
from config_text import SMALLEST, accepted, only_complaint

from device.config import find_key
from device.errors import ConfigError, Secret

CONFIG = accepted(SMALLEST + 'server: {api_key: "sk-of-the-file"}\n')


@pytest.fixture
def credentials(tmp_path):
    (tmp_path / "pressel_api_key").write_text("  sk-of-the-system\n")
    return tmp_path


def test_the_system_goes_before_the_environment_and_that_before_the_file(credentials):
    environ = {"CREDENTIALS_DIRECTORY": str(credentials), "PRESSEL_API_KEY": " sk-of-the-shell\n"}
    assert find_key(CONFIG, environ) == Secret("sk-of-the-system")
    (credentials / "pressel_api_key").unlink()
    assert find_key(CONFIG, environ) == Secret("sk-of-the-shell")
    environ["PRESSEL_API_KEY"] = ""
    assert find_key(CONFIG, environ) == Secret("sk-of-the-file")
    assert find_key(accepted(SMALLEST), environ) is None


@pytest.mark.parametrize("content", [b"", b"\n", b"sk a b", b"\xff\xfe", b"k" * 4000, b"a\nb"])
def test_a_credential_that_is_no_key_is_refused_and_nothing_else_is_taken(credentials, content):
    path = credentials / "pressel_api_key"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=f"{path}:1:1: the key ") as caught:
        find_key(CONFIG, {"CREDENTIALS_DIRECTORY": str(credentials)})
    assert "sk a b" not in str(caught.value)


def test_a_credential_that_cannot_be_read_is_named(credentials):
    path = credentials / "pressel_api_key"
    path.unlink()
    path.mkdir()
    with pytest.raises(ConfigError, match="the key cannot be read: Is a directory"):
        find_key(CONFIG, {"CREDENTIALS_DIRECTORY": str(credentials)})


def test_a_variable_that_is_no_key_is_refused_without_repeating_it():
    with pytest.raises(ConfigError, match="PRESSEL_API_KEY:1:1: the key holds a space") as caught:
        find_key(CONFIG, {"PRESSEL_API_KEY": "two words"})
    assert "two" not in str(caught.value)


NO_KEYS = {
    "the placeholder of the example": "sk-...",
    "one of a manual": "sk-your-key",
    "another of a manual": "YOUR_API_KEY",
    "one of a template": "<your-key>",
    "a row of letters": "sk-xxxxxxxx",
    "how a web page shows it": "sk-...a1B2",
    "half in quotes": 'sk-proj-a1B2"',
    "half in single quotes": "sk-proj-a1B2'",
    "with the comma of a program": "sk-proj-a1B2,",
    "with the semicolon of a program": "sk-proj-a1B2;",
    "with a remark": "sk-proj-a1B2#old",
    "with a backslash": "sk-proj-a1B2\\c3D4",
    "in back quotes": "sk-proj-`a1B2",
}


@pytest.mark.parametrize("typed", NO_KEYS.values(), ids=NO_KEYS)
def test_what_stands_in_place_of_a_key_is_none_and_is_not_repeated(typed):
    line, column, said = only_complaint(f"{SMALLEST}server:\n  api_key: {typed}\n")
    assert (line, column) == (5, 12)
    assert said.startswith("server.api_key ")
    assert said.endswith("; type your own key, whole and alone, in straight quotes")
    assert "a1B2" not in said
    assert typed not in said


@pytest.mark.parametrize(
    "typed", ["sk-Yourx_HERE1", "eyJhbGciOi.J9/x+y==", "9f86d081884c7d65", "a|b:c~d@e"]
)
def test_a_key_of_any_server_is_one(typed):
    config = accepted(f"{SMALLEST}server:\n  api_key: '{typed}'\n")
    assert config.server.api_key == Secret(typed)
