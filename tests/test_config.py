"""The configuration file: what it may say, and how it is told what it may not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ipwhl_mirror.config import Config, ConfigError, UiConfig, load_config, position_of

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file that can be written."""
    return tmp_path / "config.toml"


@pytest.mark.parametrize(
    "text",
    [
        '[keys]\n"release.pin" = "P"\n"list.up" = ""\n',
        '[keys]\nrelease.pin = "P"\nlist.up = ""\n',
        '[keys.release]\npin = "P"\n[keys.list]\nup = ""\n',
        'keys = { "release.pin" = "P", list = { up = "" } }\n',
    ],
    ids=["quoted", "dotted", "tables", "inline"],
)
def test_keys_are_the_same_with_and_without_quotes(file: Path, text: str) -> None:
    """TOML makes a table of a dotted name; to a person both say the same."""
    file.write_text(text, encoding="utf-8")
    assert load_config(file).keys == {"release.pin": "P", "list.up": ""}


def test_ui_and_keys_have_defaults(file: Path) -> None:
    """An empty file changes nothing."""
    file.write_text("", encoding="utf-8")
    assert load_config(file) == Config(ui=UiConfig(theme="textual-dark", ascii=False), keys={})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[keys]\n\n"release.pin" = 3\n', "config.toml:3: [keys] release.pin: expected a text, got 3"),
        ("[keys]\nrelease.pin = []\n", "config.toml:2: [keys] release.pin: expected a text, got a list"),
        ("[keys]\nx.y.z = 1\n", "config.toml: [keys] x.y: expected a text, got a dict"),
        ("keys = 3\n", "config.toml:1: Expected `object`, got `int`"),
        ("[ui]\ntheme = 3\n", "config.toml:2: Expected `str`, got `int` - at `$.ui.theme`"),
        ("[ui]\nascii = 1\n", "config.toml:2: Expected `bool`, got `int` - at `$.ui.ascii`"),
        ('[ui]\nthem = "x"\n', "config.toml:2: Object contains unknown field `them` - at `$.ui`"),
        ("x = " + "9" * 5000, "config.toml: not TOML: Exceeds the limit"),
        ("x = " + "[" * 5000, "config.toml: not TOML: "),
        ("[keys]\n" + ".".join("x" * 3000) + ' = ""', "toml:2: [keys] x.x: expected a text, got a dict"),
    ],
)
def test_what_is_wrong_is_told_with_file_line_and_key(file: Path, text: str, words: str) -> None:
    """Whatever stands there, the error is ours."""
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_config(file)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ('[keys]\n"a.b" = "x"\n', ":2"),
        ("[keys]\na.b='x'\n", ":2"),
        ("[keys]\n'a.b' ='x'\n", ":2"),
        ("[keys]\na-b = 'x'\n", ""),
        ('[keys.a]\nb = "x"\n', ":2"),
    ],
)
def test_position_is_the_line_where_it_can_be_found(file: Path, text: str, position: str) -> None:
    """A dot in a name stands for itself."""
    file.write_text(text, encoding="utf-8")
    assert position_of(file, "a.b") == f"{file}{position}"
    file.unlink()
    assert position_of(file, "a.b") == str(file)
    assert position_of(None, "a.b") == "the configuration"
