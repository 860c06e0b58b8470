"""The texts of the commands, for people: short lines and aligned tables on stdout.

Names from a repository go through `safe_text`. Bytes that a repository claims and nobody measured carry `~`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ipwhl_mirror.domain.display import safe_text, shorten_middle
from ipwhl_mirror.domain.figures import amount, claimed_size, plural, size

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ipwhl_mirror.domain.diffs import ProjectDiff, ReleaseDiff
    from ipwhl_mirror.domain.plans import Amount
    from ipwhl_mirror.domain.releases import PlatformRow
    from ipwhl_mirror.services.holdings import Holding
    from ipwhl_mirror.services.overview import ShowReport, StatusReport
    from ipwhl_mirror.services.pinning import PinReport
    from ipwhl_mirror.services.planning import PinForecast
    from ipwhl_mirror.services.releases import LoadedRelease
    from ipwhl_mirror.services.verifying import VerifyReport

_NUMERIC = frozenset({"wheels", "bytes", "pinned", "pinned bytes", "blocks", "age"})

_LONGEST_SELECTION = 120


def claimed(count: int) -> str:
    """Bytes that a repository claims."""
    return f"~{size(count)}"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print aligned columns; those of numbers to the right."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    grid = Table(box=None, pad_edge=False, show_edge=False, header_style="bold")
    for name in header:
        grid.add_column(name, justify="right" if name in _NUMERIC else "left", no_wrap=True)
    count = 0
    for row in rows:
        grid.add_row(*(Text(safe_text(cell)) for cell in row))
        count += 1
    if count:
        console = Console(markup=False, highlight=False, emoji=False)
        if not console.is_terminal:
            console.width = 1000
        with console.capture() as captured:
            console.print(grid)
        for line in captured.get().splitlines():
            click.echo(line.rstrip())


def platforms(rows: Iterable[PlatformRow]) -> None:
    """The platform table."""
    table(
        ("platform", "wheels", "bytes", "state", "pinned", "pinned bytes"),
        (
            (
                row.platform,
                str(row.wheels),
                claimed_size(row.bytes, known=row.pinned_bytes),
                row.state.value,
                str(row.pinned_wheels),
                size(row.pinned_bytes),
            )
            for row in rows
        ),
    )


def holding_line(holding: Holding) -> str:
    """One pin: its CID, its selection, when it was verified, whose it is."""
    verified = "not verified"
    if holding.verification is not None:
        verified = f"verified {holding.verification.verified_at:%Y-%m-%d %H:%M} UTC"
    foreign = ", not ours" if holding.pin.adopted else ""
    what = "a subset" if holding.pin.selection is None else _selected(holding.pin.selection)
    return f"{holding.pin.cid}  {what or 'whole release'}  {verified}{foreign}"


def show(report: ShowReport, *, wheels: bool) -> None:
    """`show` and `track`."""
    tracked, whole = report.loaded.tracked, report.loaded.release
    click.echo(f"{tracked.label or 'release'}  {tracked.cid}")
    click.echo(
        f"{len(whole.projects)} projects, {len(whole.wheels)} wheels, {claimed(whole.bytes)}"
        + (f", {len(whole.malformed)} malformed entries" if whole.malformed else "")
    )
    platforms(report.rows)
    for entry in whole.malformed[:10]:
        click.echo(f"malformed: {safe_text(entry.path)}: {safe_text(entry.reason)}")
    if len(whole.malformed) > 10:
        click.echo(f"malformed: {len(whole.malformed) - 10} more (--json lists all)")
    if wheels:
        table(
            ("project", "wheel", "bytes", "state"),
            (
                (
                    wheel.project,
                    wheel.filename,
                    size(wheel.bytes) if wheel.cid.digest in report.pinned else claimed(wheel.bytes),
                    "pinned" if wheel.cid.digest in report.pinned else "absent",
                )
                for wheel in report.wheels
            ),
        )


def plan(forecast: PinForecast) -> None:
    """`plan`."""
    what = forecast.plan
    selected = _selected(what.selection.cli_text()) or "the whole release"
    click.echo(f"{forecast.loaded.tracked.name}: {selected}")
    if what.subset_cid is None:
        click.echo("nothing is selected")
        return
    click.echo(f"{amount(what.amount)} selected")
    click.echo(f"{amount(what.shared)} here already")
    click.echo(f"{_claimed_amount(what.fetch)} to fetch")
    if what.other.entries:
        click.echo(f"{what.other.entries} other entries, {claimed(what.other.bytes)}")
    click.echo(f"{size(forecast.free_bytes)} free now, {size(max(forecast.free_after_bytes, 0))} free after")
    click.echo(f"subset {what.subset_cid}")
    if len(what.parts) > 1:
        table(
            ("part", "wheels", "bytes", "state", "cid"),
            (
                (
                    _selected(part.selection.cli_text()),
                    str(part.amount.wheels),
                    size(part.amount.bytes),
                    "pinned" if part.pinned else "absent",
                    str(part.tree.cid),
                )
                for part in what.parts
            ),
        )
    if forecast.refusal:
        click.echo(f"pin would refuse: {forecast.refusal}")


def pin(report: PinReport) -> None:
    """`pin`."""
    what = report.forecast.plan
    click.echo(
        f"pinned {amount(what.amount)}: {size(report.fetched_bytes)} fetched, "
        f"{report.read_back.blocks} blocks read back"
    )
    for part in what.parts:
        click.echo(f"  {part.tree.cid}  {_selected(part.selection.cli_text()) or 'whole release'}")


def status(report: StatusReport) -> None:
    """`status`."""
    node = report.node
    click.echo(
        f"node {node.kind} {node.version}: keeps {size(node.repo_bytes)}, {size(node.free_bytes)} free"
    )
    if report.gateway is not None:
        reach = "gives what is here only: hand out any CID"
        if report.gateway.fetches:
            reach = "fetches what is not here: hand out the CIDs of subsets"
        click.echo(f"its gateway {report.gateway.url} {reach}")
    if not report.releases:
        click.echo("no release is tracked: ipwhl-mirror track CID, or ipwhl-mirror demo")
        return
    for item in report.releases:
        tracked = item.tracked
        click.echo("")
        click.echo(
            f"{tracked.label or 'release'}  {tracked.cid}  {item.state.value}: {item.pinned_wheels} of "
            f"{tracked.wheels} wheels, {size(item.pinned_bytes)} of {claimed(tracked.bytes)}"
        )
        if item.index.problem:
            click.echo(f"  {item.index.problem}; fetch it again: {item.remedy}")
        for holding in item.holdings:
            click.echo(f"  pin {holding_line(holding)}")
        platforms(item.rows)


def diff(old: LoadedRelease, new: LoadedRelease, result: ReleaseDiff) -> None:
    """`diff`."""
    click.echo(
        f"{old.tracked.name} -> {new.tracked.name}: +{len(result.added)} -{len(result.removed)} "
        f"~{len(result.changed)} projects, {_claimed_amount(result.fetch)} to fetch"
    )
    marked = [
        *(("+", entry) for entry in result.added),
        *(("-", entry) for entry in result.removed),
        *(("~", entry) for entry in result.changed),
    ]
    table(
        ("", "project", "old", "new", "bytes"),
        ((mark, entry.project, *_versions(entry), claimed(entry.bytes)) for mark, entry in marked),
    )


def verify(report: VerifyReport) -> None:
    """`verify`."""
    if not report.pins and not report.broken:
        click.echo("nothing is pinned, nothing to verify")
        return
    whole = "whole" if not report.broken else f"{len(report.broken)} block(s) broken"
    click.echo(
        f"{report.pins} pin(s) whole, {report.wheels} wheels, {report.blocks} blocks, "
        f"{size(report.bytes)} hashed: {whole}"
    )
    if report.repaired:
        click.echo(f"{report.repaired} block(s) mended")
    for damage in report.broken:
        wheel = damage.block.wheel
        where = f"{wheel.project}/{wheel.filename}" if wheel else "index"
        click.echo(
            f"{damage.block.reason.value}: {damage.tracked.name} {safe_text(where)} {damage.block.cid}"
        )


def _claimed_amount(value: Amount) -> str:
    return f"{plural(value.wheels, 'wheel')} {claimed(value.bytes)}"


def _selected(options: str) -> str:
    """A selection's text; that of a lock with hundreds of projects is cut in its middle."""
    return shorten_middle(options, _LONGEST_SELECTION, mark=" ... ")


def _versions(entry: ProjectDiff) -> tuple[str, str]:
    def of(wheels: Sequence[object]) -> str:
        return ", ".join(sorted({str(getattr(wheel, "version", "")) for wheel in wheels})) or "-"

    return of(entry.old), of(entry.new)
