"""What `export` and `import` say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ipwhl_mirror.cli.documents import amount, document, release
from ipwhl_mirror.domain import figures
from ipwhl_mirror.domain.display import safe_text

if TYPE_CHECKING:
    from ipwhl_mirror.services.transfer import ExportReport, ImportReport


def export_document(report: ExportReport) -> dict[str, Any]:
    """`export`: `wheels bytes` of the selection; `left_out` what of that is not in the file, because one of
    the releases `without` has it."""
    return document(
        "export",
        release=release(report.loaded.tracked),
        roots=[str(cid) for cid in report.roots],
        **amount(report.selected),
        without=[release(base) for base in report.without],
        left_out=amount(report.left_out),
        file_bytes=report.file_bytes,
        resumed_bytes=report.resumed_bytes,
    )


def export_text(report: ExportReport) -> None:
    """`export`, for people."""
    carried = report.selected - report.left_out
    click.echo(f"{figures.plural(carried.wheels, 'wheel')}, {figures.size(report.file_bytes)}")
    if report.without:
        names = " and ".join(base.name for base in report.without)
        click.echo(f"left out: {figures.amount(report.left_out)} that {names} has too")
    for root in report.roots:
        click.echo(f"root {root}")


def import_document(report: ImportReport) -> dict[str, Any]:
    """`import`: the release's totals; `kept` is under the roots of the file and whole here, `stored` what of
    that was new."""
    return document(
        "import",
        cid=str(report.loaded.tracked.cid),
        label=report.loaded.tracked.label,
        wheels=len(report.loaded.release.wheels),
        bytes=report.loaded.release.bytes,
        kept=amount(report.kept),
        stored={**amount(report.stored), "blocks": report.stored_blocks},
        pinned=[str(cid) for cid in report.pinned],
        without=[{"label": base.label, "cid": base.cid} for base in report.without],
    )


def import_text(report: ImportReport) -> None:
    """`import`, for people."""
    click.echo(f"{report.loaded.tracked.label or 'release'}  {report.loaded.tracked.cid}")
    click.echo(f"tracked; {figures.amount(report.kept)} here, {figures.amount(report.stored)} of that new")
    for base in report.without:
        click.echo(f"the file leaves out what {safe_text(base.name)} has: all of that is here")
    for cid in report.pinned:
        click.echo(f"pinned and verified {cid}")
