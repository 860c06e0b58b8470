"""What the README gives to systemd, nginx and Prometheus: read by their own programs where there are any, and
checked for what is fixed about their formats everywhere."""

from __future__ import annotations

import configparser
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest

from ipwhl_mirror.cli.app import cli
from ipwhl_mirror.config import Config, load_config
from ipwhl_mirror.gateway.metrics import Metrics
from ipwhl_mirror.nodes.base import NodeStatus
from ipwhl_mirror.services import mirror_metrics

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
SYSTEMD = shutil.which("systemd-analyze")
NGINX = shutil.which("nginx")
PROMTOOL = shutil.which("promtool")
PROGRAM = "/opt/ipwhl-mirror/bin/ipwhl-mirror"
UNITS = dict(re.findall(r"^```ini (\S+)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL))


def block(language: str) -> str:
    """The one block of the README in this language."""
    (found,) = re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    assert isinstance(found, str)
    return found


def parsed(unit: str) -> configparser.RawConfigParser:
    """A unit whose keys stand once each."""
    parser = configparser.RawConfigParser(strict=True, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read_string(unit)
    return parser


def test_there_are_a_service_and_a_timer() -> None:
    """And what the timer starts."""
    assert [*UNITS] == ["ipwhl-mirror.service", "ipwhl-mirror@.service", "ipwhl-mirror@sync.timer"]


@pytest.mark.skipif(SYSTEMD is None, reason="systemd-analyze is not installed")
def test_units_are_valid(tmp_path: Path) -> None:
    """Nothing to say about them, once the program is where they say."""
    program = tmp_path / "ipwhl-mirror"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    for name, text in UNITS.items():
        (tmp_path / name.replace("@.", "@sync.")).write_text(text.replace(PROGRAM, str(program)))
    for name in ("ipwhl-mirror.service", "ipwhl-mirror@sync.service", "ipwhl-mirror@sync.timer"):
        done = subprocess.run(
            [str(SYSTEMD), "verify", "--man=no", str(tmp_path / name)],
            capture_output=True,
            text=True,
            env={**os.environ, "SYSTEMD_UNIT_PATH": f"{tmp_path}:"},
            check=False,
        )
        said = [line for line in (done.stdout + done.stderr).splitlines() if "ipwhl-mirror" in line]
        assert (done.returncode, said) == (0, []), done.stderr


def test_commands_of_units_exist() -> None:
    """With options that the program has; the data directory is the one that systemd makes."""
    options = {name for parameter in cli.params for name in parameter.opts}
    for text in (UNITS["ipwhl-mirror.service"], UNITS["ipwhl-mirror@.service"]):
        service = parsed(text)["Service"]
        program, *arguments = service["ExecStart"].split()
        assert program == PROGRAM
        assert {name for name in arguments if name.startswith("--")} <= options
        command = arguments[-1].replace("%i", "sync")
        assert command in cli.list_commands(click.Context(cli))
        assert f"/var/lib/{service['StateDirectory']}" in arguments
        assert service["DynamicUser"] == "yes" and service["User"] == "ipwhl-mirror"
    service = parsed(UNITS["ipwhl-mirror.service"])["Service"]
    assert (service["Type"], int(service["TimeoutStopSec"]) > 5) == ("notify", True)


def test_the_program_runs_under_the_service_s_restrictions_of_files(tmp_path: Path) -> None:
    """Nothing is written but the data directory: home and the rest are read-only there."""
    home = tmp_path / "home"
    home.mkdir(mode=0o500)
    done = subprocess.run(
        [sys.executable, "-m", "ipwhl_mirror", "--data-dir", str(tmp_path / "data"), "--json", "status"],
        capture_output=True,
        text=True,
        env={**os.environ, "HOME": str(home), "XDG_CONFIG_HOME": "/nonexistent"},
        cwd=Path(__file__).parent.parent,
        check=False,
    )
    assert (done.returncode, [*home.iterdir()]) == (0, []), done.stderr


def test_nginx_leads_to_the_gateway(tmp_path: Path) -> None:
    """To the configured address, for the host that `[serve]` is told; every block is closed."""
    text = block("nginx")
    assert text.count("{") == text.count("}") == 4
    for line in map(str.strip, text.splitlines()):
        assert not line or line.endswith((";", "{", "}")), line
    assert set(re.findall(r"proxy_pass (\S+);", text)) == {f"http://{Config().serve.listen}"}
    (host,) = re.findall(r"server_name (\S+);", text)
    ((hosts, proxy),) = re.findall(r"`(hosts = .*?)` and `(behind_proxy = .*?)`", README)
    file = tmp_path / "config.toml"
    file.write_text(f"[serve]\n{hosts}\n{proxy}\n")
    serve = load_config(file).serve
    assert (serve.hosts, serve.behind_proxy) == ((host,), True)
    for location in re.findall(r"location (/\w+/) {(.*?)}", text, re.DOTALL):
        assert "proxy_set_header X-Forwarded-Host $host;" in location[1], location[0]


@pytest.mark.skipif(NGINX is None, reason="nginx is not installed")
def test_nginx_reads_it(tmp_path: Path) -> None:
    """With a certificate of its own."""
    subject = ["-subj", "/CN=wheels.example.org"]
    files = ["-keyout", str(tmp_path / "c.key"), "-out", str(tmp_path / "c.pem")]
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ed25519", "-nodes", *subject, *files],
        check=True,
        capture_output=True,
    )
    text = re.sub(r"/etc/ssl/\S+\.(pem|key)", lambda found: str(tmp_path / f"c.{found[1]}"), block("nginx"))
    file = tmp_path / "nginx.conf"
    file.write_text(f"pid {tmp_path}/pid; error_log stderr; events {{}}\nhttp {{ {text} }}\n")
    done = subprocess.run([str(NGINX), "-t", "-c", str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_rules_ask_for_figures_that_there_are() -> None:
    """Each by its name, as the program tells it."""
    asked = set(re.findall(r"ipwhl_mirror_\w+", block("yaml")))
    node = NodeStatus(kind="embedded", version="1", repo_bytes=1, free_bytes=1, free_inodes=1, peers=0)
    told = {family.name for family in Metrics().families(node, 0)}
    told |= set(re.findall(r'family\("(\w+)"', Path(mirror_metrics.__file__).read_text(encoding="utf-8")))
    assert asked and {name.removeprefix("ipwhl_mirror_") for name in asked} <= told


@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed")
def test_prometheus_reads_the_rules(tmp_path: Path) -> None:
    """As rules."""
    file = tmp_path / "rules.yml"
    file.write_text(block("yaml"))
    done = subprocess.run(
        [str(PROMTOOL), "check", "rules", str(file)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
