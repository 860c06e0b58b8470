"""`[mirror.NAME]` of the configuration: what it accepts, and where it says what is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ipwhl_mirror.config import Config, ConfigError, load_config, position_of

if TYPE_CHECKING:
    from pathlib import Path

GOOD = '[mirror.good]\nsource = "x"\nkeep = 2\n'


def read(directory: Path, text: str) -> Config:
    """The configuration that is in such a file."""
    file = directory / "config.toml"
    file.write_text(text, encoding="utf-8")
    return load_config(file)


@pytest.mark.parametrize(
    ("text", "bytes_"),
    [("1000", 1000), ('"1 kB"', 1000), ('"1.5 TB"', 1_500_000_000_000), ('"50GiB"', 50 << 30), ('"7 B"', 7)],
)
def test_sizes(text: str, bytes_: int, tmp_path: Path) -> None:
    """Bytes, or a number and a unit; in both tables that have sizes."""
    found = read(tmp_path, f"{GOOD}budget = {text}\nreserve_free = {text}\n[storage]\nbudget = {text}\n")
    assert (found.mirror["good"].budget, found.mirror["good"].reserve_free) == (bytes_, bytes_)
    assert found.storage.budget == bytes_


@pytest.mark.parametrize(
    ("text", "line", "words", "hint"),
    [
        ('[mirror.bad]\nsource = "x"\nkeep = 0\n', 6, "keep must be at least 1", None),
        ('[mirror.bad]\nsource = "x"\nkeep = "3"\n', 6, "Expected `int`, got `str`", None),
        (
            '[mirror.bad]\nsource = "x"\nplatform = []\n',
            6,
            "unknown field `platform`",
            "did you mean platforms?",
        ),
        ("[mirror.bad]\nkeep = 1\n", 4, "missing required field `source`", None),
        ('[mirror."bad"]\nsource = "x"\n"keep" = 0\n', 6, "keep must be at least 1", None),
        ('[mirror]\nbad.source = "x"\nbad.keep = 0\n', 6, "keep must be at least 1", None),
        ('[mirror.bad] # keep = 7\nsource = "x"\nmax_removed_ratio = 1.5\n', 6, "must be from 0 to 1", None),
        ('[mirror.bad]\nsource = "x"\nstale_after = 0\n', 6, "stale_after must be above 0", None),
        ('[mirror.bad]\nsource = "x"\nbudget = "1 XB"\n', 6, "'1 XB' is no size", '"500 GB"'),
        ('[mirror.bad]\nsource = "x"\non_new = [""]\n', 4, "a hook must be a program", None),
        ('[mirror."no name"]\nsource = "x"\n', None, "'no name' is no name of a mirror", "use 1 to 64"),
        ("[serve]\nsync_every = 5\n", 5, "sync_every must be 0, or at least 60", None),
        ('[serve]\nmetrics_file = "x"\n', 5, "metrics_file must be an absolute path", None),
        ('[storage]\ngc = "always"\n', 5, "Invalid enum value 'always'", None),
    ],
)
def test_what_is_wrong_is_told_with_its_line(
    text: str, line: int | None, words: str, hint: str | None, tmp_path: Path
) -> None:
    """Of the table where it stands, though another has the same key."""
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, GOOD + text)
    place, _, said = str(caught.value).partition(": ")
    assert place == f"{tmp_path / 'config.toml'}" + ("" if line is None else f":{line}")
    assert words in said
    assert hint is None or (caught.value.hint is not None and hint in caught.value.hint)


def test_where_a_table_is(tmp_path: Path) -> None:
    """For messages about what only later turns out to be wrong."""
    read(tmp_path, GOOD + '\n[mirror.b]\nsource = "y"\n')
    file = tmp_path / "config.toml"
    assert position_of(file, "mirror.b") == f"{file}:5"
    assert position_of(file, "mirror.b.source") == f"{file}:6"
    assert position_of(file, "mirror.c") == str(file)
    assert position_of(None, "mirror.c") == "the configuration"


@given(text=st.text(alphabet='[]mirorsuce.k="{}\n 1a', max_size=60))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_in_the_file(text: str, tmp_path: Path) -> None:
    """It is a configuration, or an error in words."""
    try:
        assert isinstance(read(tmp_path, "[mirror]\n" + text), Config)
    except ConfigError as error:
        assert str(error).startswith(str(tmp_path))
