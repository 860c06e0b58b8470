"""What `demo` tells: a line or two a step for people, one document for programs (`ipwhl-mirror/demo/1`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipwhl_mirror.cli import documents
from ipwhl_mirror.domain.display import safe_text
from ipwhl_mirror.domain.figures import size
from ipwhl_mirror.services import demo_steps as steps

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ipwhl_mirror.cli.documents import Document

AFTERWARDS = "removed   everything the demo wrote"
_REASON = 100


def line(step: steps.Step) -> str:
    """A step in words. A CID stands on a line of its own."""
    match step:
        case steps.Supplied():
            return f"wheels    {_supplied(step)} in {step.seconds:.1f} s"
        case steps.Published():
            return (
                f"publish   {step.label}: {step.projects} projects, {step.wheels} wheels, {size(step.bytes)} "
                f"in {step.seconds:.1f} s\n          {step.cid}"
            )
        case steps.Tracked():
            return (
                f"track     {step.label}: {step.wheels} wheels known from {step.blocks} directory blocks "
                f"in {step.seconds:.1f} s"
            )
        case steps.Pinned():
            return _pinned(step)
        case steps.Verified():
            return (
                f"verify    {step.wheels} wheels, {step.blocks} blocks, {size(step.bytes)} hashed "
                f"in {step.seconds:.1f} s ({_rate(step.bytes, step.seconds)}): whole"
            )
        case steps.SourceStopped():
            return "stop      the source's gateway is down, the mirror is alone"
        case steps.Installed():
            return (
                f"install   pip took {len(step.projects)} wheels from the mirror in {step.seconds:.1f} s, "
                f"and `import {step.imported}` works\n          {step.index_url}"
            )
        case steps.InstallSkipped():
            return f"install   skipped: {step.reason}"
        case steps.Finished():
            return f"done      in {step.seconds:.1f} s"


def _supplied(step: steps.Supplied) -> str:
    if step.supply is steps.Supply.INDEX:
        return f"{step.wheels} wheels, {size(step.bytes)}, from the package index by pip"
    why = "" if step.reason is None else f"; pip: {safe_text(step.reason, _REASON)};"
    return f"{step.wheels} small wheels, {size(step.bytes)}, made here{why}"


def _pinned(step: steps.Pinned) -> str:
    shared = f", {size(step.shared.bytes)} here already" if step.shared.wheels else ""
    return (
        f"pin       {step.label} {step.selection}: {step.amount.wheels} wheels, {size(step.amount.bytes)} of "
        f"{size(step.whole_bytes)}{shared}\n"
        f"          {step.fetch.wheels} wheels, {size(step.fetched_bytes)} fetched and {step.blocks} blocks "
        f"read back in {step.seconds:.1f} s ({_rate(step.fetched_bytes, step.seconds)})\n"
        f"          {step.subset_cid}"
    )


def _rate(count: int, seconds: float) -> str:
    return f"{size(round(count / seconds)) if seconds else '-'}/s"


def document(done: Sequence[steps.Step]) -> Document:
    """All steps as one document; seconds with three decimals."""
    fields: Document = {"wheels": {}, "releases": [], "tracked": [], "pins": [], "verify": {}, "install": {}}
    for step in done:
        _note(fields, step)
    return documents.document("demo", **fields)


def _note(fields: Document, step: steps.Step) -> None:
    match step:
        case steps.Supplied():
            fields["wheels"] = {
                "source": step.supply.value,
                "reason": step.reason,
                "wheels": step.wheels,
                "bytes": step.bytes,
                "seconds": round(step.seconds, 3),
            }
        case steps.Published():
            fields["releases"].append(
                {
                    "label": step.label,
                    "cid": str(step.cid),
                    "projects": step.projects,
                    "wheels": step.wheels,
                    "bytes": step.bytes,
                    "seconds": round(step.seconds, 3),
                }
            )
        case steps.Tracked():
            fields["tracked"].append(
                {
                    "label": step.label,
                    "wheels": step.wheels,
                    "blocks": step.blocks,
                    "seconds": round(step.seconds, 3),
                }
            )
        case steps.Pinned():
            fields["pins"].append(_pin(step))
        case steps.Verified():
            fields["verify"] = {
                "ok": True,
                "wheels": step.wheels,
                "blocks": step.blocks,
                "bytes": step.bytes,
                "seconds": round(step.seconds, 3),
            }
        case steps.Installed():
            fields["install"] = {
                "index_url": step.index_url,
                "projects": [{"name": item.name, "version": item.version} for item in step.projects],
                "imported": step.imported,
                "skipped": None,
                "seconds": round(step.seconds, 3),
            }
        case steps.InstallSkipped():
            fields["install"] = {"skipped": step.reason}
        case steps.Finished():
            fields["seconds"] = round(step.seconds, 3)
        case steps.SourceStopped():
            pass


def _pin(step: steps.Pinned) -> Document:
    return {
        "label": step.label,
        "selection": step.selection,
        "subset_cid": str(step.subset_cid),
        **documents.amount(step.amount),
        "fetch": documents.amount(step.fetch),
        "shared": documents.amount(step.shared),
        "fetched_bytes": step.fetched_bytes,
        "read_back": {"blocks": step.blocks},
        "seconds": round(step.seconds, 3),
    }
