"""What a person chose for the terminal UI, from the settings to the screen of the real program."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from ipwhl_mirror.config import Config, ConfigError, UiConfig
from ipwhl_mirror.services.settings import Settings
from ipwhl_mirror.tui import themes
from ipwhl_mirror.tui.glyphs import ASCII, UNICODE
from ipwhl_mirror.tui.preferences import Colour, preferences_of
from tests.simulators.terminal import Terminal
from tests.tui.scripted import app_on, filled_backend

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def settings_of(tmp_path: Path, *, keys: Mapping[str, str] | None = None, **ui: str | bool) -> Settings:
    """Settings as the command line makes them."""
    config = Config(ui=UiConfig(**ui), keys=dict(keys or {}))  # type: ignore[arg-type]
    return Settings(data_dir=tmp_path, config=config, config_file=tmp_path / "config.toml")


def test_preferences_are_read_from_the_settings(tmp_path: Path) -> None:
    """Keys, theme, characters and colour."""
    told = settings_of(tmp_path, keys={"release.pin": "f6"}, theme="nord", ascii=True)
    chosen = preferences_of(replace(told, no_color=True))
    assert chosen.keymap.key("release.pin").keys == "f6"
    assert (chosen.theme, chosen.colour) == ("nord", Colour.NONE)
    assert chosen.glyphs(encoding="utf-8", term="xterm-256color") is ASCII
    environment = {"TERM": "xterm"}
    chosen.apply_colour(environment)
    assert environment == {"TERM": "xterm", "NO_COLOR": "1"}


def test_nothing_chosen_leaves_the_terminal_to_tell(tmp_path: Path) -> None:
    """The defaults of the file are those of the UI."""
    chosen = preferences_of(settings_of(tmp_path))
    assert chosen.theme == themes.DEFAULT
    assert chosen.keymap.overrides == {}
    assert chosen.glyphs(encoding="utf-8", term="xterm-256color") is UNICODE
    assert chosen.glyphs(encoding="latin-1", term="xterm-256color") is ASCII
    for before, after in (({}, {}), ({"NO_COLOR": ""}, {}), ({"NO_COLOR": "1"}, {"NO_COLOR": "1"})):
        environment: dict[str, str] = dict(before)
        chosen.apply_colour(environment)
        assert environment == after


@pytest.mark.parametrize(
    ("text", "told", "words", "hint"),
    [
        (
            '[ui]\ntheme = "x"',
            {"theme": "x"},
            ":2: [ui] theme: no theme is called 'x'",
            "there are atom-one-dark,",
        ),
        (
            '[keys]\n"app.hlp" = "x"',
            {"keys": {"app.hlp": "x"}},
            ":2: [keys] app.hlp: nothing",
            "did you mean app.help?",
        ),
    ],
    ids=["theme", "key"],
)
def test_errors_say_where_it_stands(
    tmp_path: Path, text: str, told: dict[str, Any], words: str, hint: str
) -> None:
    """File, line, key, and what there is."""
    (tmp_path / "config.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        preferences_of(settings_of(tmp_path, **told))
    assert str(caught.value).startswith(f"{tmp_path / 'config.toml'}{words}")
    assert caught.value.hint is not None
    assert caught.value.hint.startswith(hint)


def test_every_theme_that_is_told_can_be_put_on() -> None:
    """The names in the error are those that the app offers, and no theme without colours of its own is."""
    app = app_on(filled_backend())
    assert sorted(app.available_themes) == list(themes.NAMES)
    for name in themes.NAMES:
        app.theme = name


# the program


def start(tmp_path: Path, text: str, *args: str) -> Terminal:
    """The program in a terminal, with this configuration."""
    file = tmp_path / "config.toml"
    file.write_text(text, encoding="utf-8")
    ours = ["--data-dir", str(tmp_path / "data"), "--node", "embedded", "--config", str(file)]
    return Terminal(
        [sys.executable, "-m", "ipwhl_mirror", *ours, *args],
        columns=110,
        lines=24,
        environment={"COLORTERM": "truecolor"},
    )


def test_a_wrong_key_ends_the_program_before_the_screen_is_touched(tmp_path: Path) -> None:
    """Exit 2, the words in the scrollback, and no data directory."""
    with start(tmp_path, '[keys]\n"release.pin" = "V"\n') as terminal:
        assert terminal.wait_for_end() == 2
        assert "config.toml:2: [keys] release.pin: V is release.verify already" in terminal.text.replace(
            "\n", ""
        )
        assert 'hint: give release.verify another key as well, or "" for none' in terminal.text
        assert b"\x1b" not in terminal.written
        assert not (tmp_path / "data").exists()


def test_keys_characters_and_colour_of_a_run(tmp_path: Path) -> None:
    """The file and --no-color reach the screen: the key, ASCII alone, and no hue."""
    text = '[keys]\nrelease.track = "F6"\n[ui]\nascii = true\n'
    with start(tmp_path, text, "--no-color") as terminal:
        terminal.wait_for("f6 track")
        terminal.type("?")
        terminal.wait_for("track a release by CID")
        assert terminal.text.isascii()
        assert terminal.hues == set()
        terminal.type("q\x11")
        assert terminal.wait_for_end() == 0
