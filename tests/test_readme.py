"""The README is true: its commands run and print what it shows; its names are those of the code, and all of
them. Commands that install something, and the demo on real wheels, are run elsewhere (.ci/run, test_demo).

A line of three dots in an example stands for lines that are left out. Sizes of the disk, times and ports
differ between machines and are not compared.
"""

from __future__ import annotations

import os
import re
import shlex
import socket
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest
from click.testing import CliRunner

from ipwhl_mirror.cli.app import cli
from ipwhl_mirror.cli.exit_codes import ExitCode
from ipwhl_mirror.config import Config, MirrorConfig, load_config
from ipwhl_mirror.services.demo_wheels import build, bundled_wheels, stand_in
from ipwhl_mirror.tui.keymap import Keymap
from ipwhl_mirror.tui.keys import Place, keys_of
from tests.nodes.kubo_daemon import KuboRepo, ipfs_command

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
PROGRAM = "ipwhl-mirror "
FOREIGN_OPTIONS = {"--index-url", "--format"}
"""Of pip and uv."""

DIFFERS = (
    (re.compile(r"\d+\.\d [kMGT]?B(ytes)? free"), "SIZE free"),
    (re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC"), "TIME UTC"),
    (re.compile(r"127\.0\.0\.1:\d+"), "127.0.0.1:PORT"),
)


@dataclass(frozen=True, slots=True)
class Example:
    """A command of the README, and the lines it shows below it."""

    command: str
    output: str


def examples(text: str, kind: str = "console") -> Iterator[Example]:
    """The commands of the console blocks, or of those for another scene, in order."""
    for block in re.findall(rf"^```{kind}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            yield Example(command, output)


def comparable(text: str) -> str:
    """A text without what differs between machines."""
    for pattern, word in DIFFERS:
        text = pattern.sub(word, text)
    return text


def shows(output: str, printed: str) -> bool:
    """Whether an example's lines are what was printed, but for what is left out."""
    pieces = [re.escape(piece) for piece in re.split(r"^\.\.\.\n", comparable(output), flags=re.MULTILINE)]
    return re.fullmatch("(.*\n)*".join(pieces), comparable(printed)) is not None


# its commands run


def make_wheels(directory: Path, number: int) -> Path:
    """A directory with the demo's stand-ins for the wheels of one release."""
    wheels = directory / f"wheels-{number}"
    wheels.mkdir()
    for wheel in bundled_wheels():
        if number in wheel.releases:
            build(stand_in(wheel), wheels)
    return wheels


def set_up(monkeypatch: pytest.MonkeyPatch, directory: Path, node: str) -> None:
    """Let commands run there, on this node, with a `serve` on a free port."""
    config = directory / "config.toml"
    with socket.create_server(("127.0.0.1", 0)) as free:
        config.write_text(f'[serve]\nlisten = "127.0.0.1:{free.getsockname()[1]}"\n', encoding="utf-8")
    monkeypatch.chdir(directory)
    monkeypatch.setenv("IPWHL_MIRROR_NODE", node)
    monkeypatch.setenv("IPWHL_MIRROR_DATA_DIR", str(directory / "data"))
    monkeypatch.setenv("IPWHL_MIRROR_CONFIG", str(config))


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A directory with both releases' stand-ins, and a gateway that has them."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    source = ["--data-dir", "source", "--node", "embedded"]
    for number in (1, 2):
        result = CliRunner().invoke(cli, [*source, "publish", str(make_wheels(tmp_path, number))])
        assert result.exit_code == 0, result.output
    with Serving(*source, "serve", "--listen", "127.0.0.1:0") as line:
        monkeypatch.setenv("IPWHL_MIRROR_GATEWAY", line.split()[-1])
        set_up(monkeypatch, tmp_path, "embedded")
        yield tmp_path


@pytest.fixture
def kubo_scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A directory with one release's stand-ins, and a Kubo daemon whose gateway fetches, as a new one."""
    make_wheels(tmp_path, 1)
    repo = KuboRepo.make(ipfs_command(), tmp_path / "ipfs", {"Gateway.NoFetch": False})
    with repo.start() as daemon:
        set_up(monkeypatch, tmp_path, daemon.rpc_url)
        yield


class Serving:
    """A `serve` beside the test; as a context manager it gives the line that it printed."""

    def __init__(self, *args: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "ipwhl_mirror", *args], stdout=subprocess.PIPE, text=True
        )

    def __enter__(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()

    def __exit__(self, *ending: object) -> None:
        self._process.terminate()
        self._process.communicate()


def test_every_example_prints_what_the_readme_shows(scene: Path) -> None:
    """In one data directory, one after the other; `serve` goes on beside those after it."""
    ours = [example for example in examples(README) if example.command.startswith(PROGRAM)]
    assert len(ours) >= 15
    left = list(reversed(ours))

    def run_the_rest() -> None:
        while left:
            example = left.pop()
            args = shlex.split(example.command.removeprefix(PROGRAM))
            if args[0] == "serve":
                with Serving(*args) as line:
                    assert shows(example.output, line), line
                    run_the_rest()
                return
            result = CliRunner().invoke(cli, args)
            assert shows(example.output, result.output), f"{example.command}\n{result.output}"
            assert result.exit_code == 0, example.command

    run_the_rest()


@pytest.mark.kubo
@pytest.mark.usefixtures("kubo_scene")
def test_every_example_on_kubo_prints_what_the_readme_shows() -> None:
    """On a real daemon."""
    ours = list(examples(README, "console kubo"))
    assert len(ours) >= 3
    for example in ours:
        result = CliRunner().invoke(cli, shlex.split(example.command.removeprefix(PROGRAM)))
        assert shows(example.output, result.output), f"{example.command}\n{result.output}"
        assert result.exit_code == 0, example.command


def test_a_changed_example_would_be_seen() -> None:
    """The comparison is of whole texts: a digit more, a line more or a line less is no match."""
    assert shows("a 1\n...\nb\n", "a 1\nx\ny\nb\n")
    assert shows("80.1 GB free\n", "79.9 MB free\n")
    assert not shows("a 1\nb\n", "a 2\nb\n")
    assert not shows("a 1\nb\n", "a 1\n")
    assert not shows("a 1\n", "a 1\nb\n")


def test_the_two_commands_of_the_first_screen_are_what_ci_runs() -> None:
    """The test command of the README is the one of .ci/run, in another environment's place."""
    setup, test = (example.command for example in examples(README) if example.command.startswith("python3"))
    assert setup.split(" && ")[-1] == ".venv/bin/ipwhl-mirror demo"
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8").replace('"', "").replace("$venv", ".venv-test")
    for step in test.split(" && "):
        assert step in ci.splitlines()


# its names are those of the code


def commands() -> dict[str, click.Command]:
    """Every command by name."""
    context = click.Context(cli)
    found = {name: cli.get_command(context, name) for name in cli.list_commands(context)}
    return {name: command for name, command in found.items() if command is not None}


def options(command: click.Command) -> set[str]:
    """The options of a command, or of all commands of a group, as they are written."""
    own = {name for param in command.params if isinstance(param, click.Option) for name in param.opts}
    parts = command.commands.values() if isinstance(command, click.Group) and command is not cli else ()
    return own.union(*map(options, parts))


def command_lines() -> list[str]:
    """The left cells of the table of commands: one line a command."""
    table = README.partition("| command | what it does |")[2].partition("\n\n")[0]
    cells = [row.split(" | ")[0].strip("| ") for row in table.splitlines()[2:]]
    return [line.strip("`") for cell in cells for line in cell.replace(r"\|", "/").split(" · ")]


def test_readme_has_every_command_with_its_options() -> None:
    """The table of commands is that of the program; SELECTION stands for the options of a selection."""
    selection = {"-p", "-e", "--python", "--project", "--lock", "--exclude", "--no-any"}
    told: dict[str, set[str]] = {}
    for line in command_lines():
        words = re.findall(r"--[a-z-]+|SELECTION", line)
        told.setdefault(line.split()[0], set()).update(words)
    told = {name: (words - {"SELECTION"}) | (selection if "SELECTION" in words else set())
            for name, words in told.items()}  # fmt: skip
    assert told == {name: options(command) - {"-h"} for name, command in commands().items()}


def test_readme_names_options_that_exist_and_all_of_them() -> None:
    """Long options anywhere in the text, but those of the install commands."""
    text = "\n".join(line for line in README.splitlines() if not line.startswith("$ python3"))
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", text))
    known = {"--help", *options(cli)}.union(*map(options, commands().values()))
    assert named - FOREIGN_OPTIONS == {name for name in known if name.startswith("--")}


def test_readme_has_every_exit_code() -> None:
    """The table of exit codes is that of the program."""
    table = README.partition("| exit code | meaning |")[2].partition("\n\n")[0]
    told = [int(number) for number in re.findall(r"^\| (\d+) \|", table, re.MULTILINE)]
    assert told == [int(code) for code in ExitCode]


def test_readme_shows_the_default_configuration(tmp_path: Path) -> None:
    """The TOML block has every key with its default."""
    (block,) = re.findall(r"^```toml\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    file = tmp_path / "config.toml"
    file.write_text(block, encoding="utf-8")
    assert load_config(file) == Config()
    told = {
        name: set(re.findall(r"^(\w+) = ", lines, re.MULTILINE))
        for name, lines in re.findall(r"^\[(\w+)\]\n(.*?)(?=^\[|\Z)", block, re.MULTILINE | re.DOTALL)
    }
    there_are = {
        name: set(getattr(getattr(Config(), name), "__struct_fields__", ()))
        for name in Config.__struct_fields__
        if name != "mirror"
    }
    assert told == there_are


def test_readme_shows_every_key_of_a_mirror(tmp_path: Path) -> None:
    """With its default, or behind a comment sign where that is none."""
    short, block = re.findall(r"^```\n(\[mirror\.campus\]\n.*?)^```$", README, re.MULTILINE | re.DOTALL)
    file = tmp_path / "config.toml"
    file.write_text(short, encoding="utf-8")
    assert load_config(file).mirror["campus"].platforms == ("linux-x86_64", "macos-arm64")
    file.write_text(block, encoding="utf-8")
    assert load_config(file) == Config(mirror={"campus": MirrorConfig(source="campus")})
    told = re.findall(r"^(?:# )?(\w+) = ", block, re.MULTILINE)
    assert sorted(told) == sorted(MirrorConfig.__struct_fields__)


def test_readme_shows_how_keys_are_changed() -> None:
    """The lines that the configuration has for it, behind a comment sign, can be used."""
    lines = re.findall(r"^# (\"[\w.]+\" = .*?)(?: +#.*)?$", README, re.MULTILINE)
    assert len(lines) >= 2
    written = tomllib.loads("\n".join(lines))
    assert Keymap.parse(written).overrides


def keys_table() -> str:
    """The keys as the README has them, from the registry of the application."""
    lines = ["| where | key | what it does | name |", "| --- | --- | --- | --- |"]
    for place in Place:
        for number, key in enumerate(keys_of(place)):
            where = "" if number else place.value
            lines.append(f"| {where} | `{key.shown}` | {key.explained} | `{key.id}` |")
    return "\n".join(lines)


def test_readme_has_every_key() -> None:
    """The table is generated: put what this test prints between the two comments."""
    told = README.partition("<!-- keys -->\n")[2].partition("\n<!-- /keys -->")[0]
    assert told == keys_table()


@pytest.mark.parametrize("number", range(1, 10))
def test_each_guarantee_names_its_test(number: int) -> None:
    """The nine are numbered in the README as the tests are."""
    section = README.partition("## What it guarantees")[2].partition("\n## ")[0]
    (text,) = re.findall(rf"^{number}\. (.*?)(?=^\d\. |\Z)", section, re.MULTILINE | re.DOTALL)
    assert f"`test_guarantee_{number}`" in text
    tests = (ROOT / "tests" / "test_guarantees.py").read_text(encoding="utf-8")
    assert re.search(rf"def test_guarantee_{number}_", tests)


def test_links_lead_to_files_that_exist() -> None:
    """Links and pictures are of this repository."""
    links = re.findall(r"\]\(([^)#]+)\)", README)
    assert len(links) >= 4
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_ci_script_can_be_run() -> None:
    """It is executable and plain bash."""
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    subprocess.run(["bash", "-n", str(script)], check=True)


def test_constraints_are_names_and_versions() -> None:
    """No hash, no address."""
    lines = (ROOT / "tests" / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if not line.startswith("#")]
    assert len(pins) > 50
    assert [line for line in pins if not re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.!+]+", line)] == []
