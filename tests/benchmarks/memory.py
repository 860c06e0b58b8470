"""The most memory that a command takes, whatever the release.

Each is run once in a process of its own: peaks hardly differ between runs. Beside it stands the command line
that does nothing.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from tests.benchmarks.made import make_index, write_wheels
from tests.benchmarks.measuring import Figure, Goal, Unit, require
from tests.benchmarks.programs import CURL, command, gateway, peak_bytes, run, served_peak

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.benchmarks.measuring import Size

LIMIT = 150 * 1024 * 1024


def memory(size: Size) -> Iterator[Figure]:
    """Reading and planning a large release; publishing, serving, pinning and verifying one large wheel."""
    scratch = size.directory / "peak"
    nothing = peak_bytes(command(size.directory / "nothing", "status"), scratch)

    def figure(name: str, work: str, peak: int) -> Figure:
        return Figure(
            name=f"memory: {name}",
            work=work,
            ours=peak,
            other=nothing,
            other_way="status of nothing",
            unit=Unit.BYTES,
            goal=Goal(at_most=LIMIT),
        )

    for name, work, peak in [*_index_peaks(size, scratch), *_wheel_peaks(size, scratch)]:
        yield figure(name, work, peak)


def _index_peaks(size: Size, scratch: Path) -> Iterator[tuple[str, str, int]]:
    index = make_index(size.projects)
    car = size.directory / "index.car"
    index.write_car(car)
    source, mirror = size.directory / "index source", size.directory / "index mirror"
    work = f"{size.projects} projects"
    yield "import", work, peak_bytes(command(source, "import", str(car), "--label", "one"), scratch)
    with gateway(source) as url:
        track = command(mirror, "track", str(index.root), "--label", "one", gateway=url)
        yield "track", work, peak_bytes(track, scratch)
    plan = ["--json", "plan", "one", "-p", "linux-x86_64", "-p", "macos-arm64"]
    planned = json.loads(run(command(mirror, *plan)))
    require(planned["wheels"] > 0 and planned["subset_cid"] is not None, "nothing is planned")
    yield "plan", work, peak_bytes(command(mirror, *plan), scratch)
    yield "show --wheels", work, peak_bytes(command(mirror, "--json", "show", "one", "--wheels"), scratch)


def _wheel_peaks(size: Size, scratch: Path) -> Iterator[tuple[str, str, int]]:
    (wheel,) = write_wheels(size.directory / "big", 1, size.big_bytes)
    source, mirror = size.directory / "wheel source", size.directory / "wheel mirror"
    work = f"one wheel of {size.big_bytes} bytes"
    yield (
        "publish",
        work,
        peak_bytes(
            command(source, "publish", str(wheel), "--label", "big", "--allow", "metadata-readable"), scratch
        ),
    )
    cid = json.loads(run(command(source, "--json", "show", "big")))["cid"]
    served = size.directory / "serving"
    with gateway(source, served) as url:
        run(command(mirror, "track", cid, "--label", "big", gateway=url))
        yield "pin", work, peak_bytes(command(mirror, "pin", "big", gateway=url), scratch)
        plain = f"{url}/ipfs/{cid}/{wheel.name.partition('-')[0]}/{wheel.name}"
        got = run([*CURL, "-o", os.devnull, "-w", "%{size_download}", plain])
        require(int(got) == size.big_bytes, f"curl got {got} bytes")
    yield "serve, as CAR and as file", work, served_peak(served)
    yield "verify", work, peak_bytes(command(mirror, "verify"), scratch)
    car = size.directory / "big.car"
    yield "export", work, peak_bytes(command(mirror, "export", "big", str(car)), scratch)
    carried = size.directory / "carried"
    yield "import", work, peak_bytes(command(carried, "import", str(car), "--label", "big"), scratch)
