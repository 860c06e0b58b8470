"""Resolving through our gateway, with METADATA beside the wheels and without.

Both gateways are ours, over the same wheels on the same disk: the other one remembers of every wheel that it
has no METADATA that could be used, so that its listings have the hashes and nothing more.
"""

from __future__ import annotations

import hashlib
import json
import re
import statistics
import sys
import time
import urllib.request
from typing import TYPE_CHECKING

from ipwhl_mirror.domain.wheel_facts import WheelFacts
from ipwhl_mirror.ipld.files import FileBuilder
from ipwhl_mirror.state.wheel_facts import WheelFactsFile
from tests.benchmarks.measuring import Figure, Unit, in_turns, require
from tests.benchmarks.programs import command, gateway, run
from tests.simulators.wheels import ANY, wheel_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tests.benchmarks.measuring import Size

PROJECTS = 30
_SENT = re.compile(r"^ipwhl_mirror_http_sent_bytes_total\{.*\} ([0-9]+)$", re.MULTILINE)
_OTHER_WAY = "the same without METADATA in the listings"


def resolve(size: Size) -> Iterator[Figure]:
    """pip chooses all of a set of projects that need each other, and installs nothing."""
    wheels = _write_wheels(size.directory / "wheels", min(size.files, PROJECTS), size.file_bytes)
    places = [size.directory / name for name in ("telling", "silent")]
    roots = [
        json.loads(run(command(place, "--json", "publish", *map(str, wheels))))["cid"] for place in places
    ]
    _withhold_metadata(places[1], wheels)
    with gateway(places[0]) as ours, gateway(places[1]) as other:
        runs = [
            _Resolving(f"{url}/ipfs/{root}/", len(wheels))
            for url, root in zip((ours, other), roots, strict=True)
        ]
        work = f"{len(wheels)} projects, wheels of {size.file_bytes} bytes"
        taken, beside = in_turns(size.rounds, runs[0].once, runs[1].once)
        yield Figure(name="resolve: pip", work=work, ours=taken, other=beside, other_way=_OTHER_WAY)
        sent, beside = (statistics.median(each.sent) for each in runs)
        yield Figure(
            name="resolve: sent to pip",
            work=work,
            ours=sent,
            other=beside,
            other_way=_OTHER_WAY,
            unit=Unit.BYTES,
        )


class _Resolving:
    """pip through one gateway, again and again.

    Attributes:
        sent: bytes of the answers in each run.
    """

    def __init__(self, url: str, projects: int) -> None:
        self.sent: list[float] = []
        self._url = url
        self._projects = projects

    def once(self) -> float:
        """Resolve; the seconds that it took."""
        before, began = _sent(self._url), time.perf_counter()
        chosen = run(
            [
                *(sys.executable, "-m", "pip", "--isolated", "--disable-pip-version-check", "--no-input"),
                *("install", "--dry-run", "--ignore-installed", "--no-cache-dir"),
                *("--index-url", self._url, "needed-00"),
            ]
        )
        taken = time.perf_counter() - began
        self.sent.append(_sent(self._url) - before)
        last = chosen.splitlines()[-1]
        require(last.count("needed-") == self._projects, f"pip chose {last}")
        return taken


def _write_wheels(directory: Path, projects: int, file_bytes: int) -> list[Path]:
    """Wheels each of which needs the next two."""
    directory.mkdir()
    paths = []
    for number in range(projects):
        needed = [f"needed-{later:02}>=1" for later in range(number + 1, min(number + 3, projects))]
        name = f"needed-{number:02}"
        paths.append(directory / f"{name.replace('-', '_')}-1.0-{ANY}.whl")
        paths[-1].write_bytes(wheel_bytes(name, "1.0", ANY, padding=file_bytes, requires=needed))
    return paths


def _withhold_metadata(data_dir: Path, wheels: Sequence[Path]) -> None:
    """Let a gateway remember hash and size of the wheels, and that they have no METADATA."""
    facts = {}
    for path in wheels:
        builder, content = FileBuilder(), path.read_bytes()
        builder.update(content)
        known = WheelFacts(size=len(content), sha256=hashlib.sha256(content).digest())
        facts[builder.finish().cid.digest, path.name] = known
    WheelFactsFile(data_dir).save(facts)


def _sent(url: str) -> float:
    """Bytes that a gateway sent so far, without their headers."""
    address = url.partition("/ipfs/")[0] + "/metrics"
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(address, timeout=10) as answer:
        return float(sum(map(int, _SENT.findall(answer.read().decode()))))
