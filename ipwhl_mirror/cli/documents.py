"""The JSON documents of the commands (schema `ipwhl-mirror/<command>/1`): bytes as integers, CIDs as given,
times RFC 3339 UTC. Field names are a promise to other people's scripts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ipwhl_mirror.domain.selections import SELECTION_RULES

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from ipwhl_mirror.domain.diffs import ProjectDiff, ReleaseDiff
    from ipwhl_mirror.domain.plans import Amount
    from ipwhl_mirror.domain.releases import PlatformRow, Wheel
    from ipwhl_mirror.services.holdings import Holding
    from ipwhl_mirror.services.overview import ReleaseStatus, ShowReport, StatusReport
    from ipwhl_mirror.services.pinning import PinReport
    from ipwhl_mirror.services.planning import PinForecast
    from ipwhl_mirror.services.releases import LoadedRelease
    from ipwhl_mirror.services.verifying import VerifyReport
    from ipwhl_mirror.state.database import TrackedRelease

Document = dict[str, Any]


def document(command: str, **fields: object) -> Document:
    """A document with its schema first."""
    return {"schema": f"ipwhl-mirror/{command}/1", "selection_rules": SELECTION_RULES, **fields}


def time(moment: datetime | None) -> str | None:
    """RFC 3339, UTC."""
    return None if moment is None else moment.isoformat().replace("+00:00", "Z")


def amount(value: Amount) -> Document:
    """`{wheels bytes}`."""
    return {"wheels": value.wheels, "bytes": value.bytes}


def release(tracked: TrackedRelease) -> Document:
    """`{label cid}`."""
    return {"label": tracked.label, "cid": str(tracked.cid)}


def platforms(rows: Iterable[PlatformRow]) -> list[Document]:
    """Sorted by platform; families with a wheel only."""
    return [
        {
            "platform": row.platform,
            "wheels": row.wheels,
            "bytes": row.bytes,
            "pinned_wheels": row.pinned_wheels,
            "pinned_bytes": row.pinned_bytes,
            "state": row.state.value,
        }
        for row in rows
    ]


def pins(held: Iterable[Holding]) -> list[Document]:
    """`{cid name selection verified_at}` of each."""
    return [
        {
            "cid": str(holding.pin.cid),
            "name": holding.pin.name,
            "selection": holding.pin.selection,
            "verified_at": time(holding.verification.verified_at if holding.verification else None),
            "ours": not holding.pin.adopted,
        }
        for holding in held
    ]


def show(command: str, report: ShowReport, *, wheels: bool) -> Document:
    """`show` and `track`."""
    tracked, whole = report.loaded.tracked, report.loaded.release
    result = document(
        command,
        label=tracked.label,
        cid=str(tracked.cid),
        index_cid=str(tracked.index_cid),
        tracked_at=time(tracked.tracked_at),
        projects=len(whole.projects),
        wheels=len(whole.wheels),
        bytes=whole.bytes,
        malformed=[{"path": entry.path, "reason": entry.reason} for entry in whole.malformed],
        platforms=platforms(report.rows),
    )
    if wheels:
        result["contents"] = _contents(report)
    return result


def _contents(report: ShowReport) -> list[Document]:
    projects: dict[str, list[Wheel]] = {}
    for wheel in report.wheels:
        projects.setdefault(wheel.project, []).append(wheel)
    return [
        {
            "project": name,
            "wheels": [
                {
                    "filename": wheel.filename,
                    "cid": str(wheel.cid),
                    "bytes": wheel.bytes,
                    "platforms": sorted(wheel.tags.families),
                    "pinned": wheel.cid.digest in report.pinned,
                }
                for wheel in wheels
            ],
        }
        for name, wheels in projects.items()
    ]


def plan(command: str, forecast: PinForecast) -> Document:
    """`plan`, and the beginning of `pin`."""
    what = forecast.plan
    return document(
        command,
        release=release(forecast.loaded.tracked),
        selection=what.selection.cli_text(),
        subset_cid=None if what.subset_cid is None else str(what.subset_cid),
        **amount(what.amount),
        other={"entries": what.other.entries, "bytes": what.other.bytes},
        fetch=amount(what.fetch),
        shared=amount(what.shared),
        disk={"free_bytes": forecast.free_bytes, "free_after_bytes": forecast.free_after_bytes},
        refused=forecast.refusal,
        pins=[
            {
                "selection": part.selection.cli_text(),
                "subset_cid": str(part.tree.cid),
                **amount(part.amount),
                "pinned": part.pinned,
            }
            for part in what.parts
        ],
    )


def pin(report: PinReport) -> Document:
    """`pin`: its plan as it was before, all parts pinned, and what travelled."""
    result = plan("pin", report.forecast)
    for part in result["pins"]:
        part["pinned"] = True
    result["fetched_bytes"] = report.fetched_bytes
    result["read_back"] = {"blocks": report.read_back.blocks, "bytes": report.read_back.bytes}
    result["notes"] = list(report.notes)
    return result


def status(report: StatusReport, mirrors: list[Document]) -> Document:
    """`status`; `mirrors` as `mirror_report` tells them."""
    node = report.node
    return document(
        "status",
        node={
            "kind": node.kind,
            "version": node.version,
            "repo_bytes": node.repo_bytes,
            "free_bytes": node.free_bytes,
            "free_inodes": node.free_inodes,
            "peers": node.peers,
            "gateway": None
            if report.gateway is None
            else {"url": report.gateway.url, "fetches": report.gateway.fetches},
        },
        releases=[
            {
                **release(item.tracked),
                "tracked_at": time(item.tracked.tracked_at),
                "state": item.state.value,
                "wheels": item.tracked.wheels,
                "bytes": item.tracked.bytes,
                "pinned_wheels": item.pinned_wheels,
                "pinned_bytes": item.pinned_bytes,
                "pins": pins(item.holdings),
                "platforms": platforms(item.rows),
                **_index(item),
            }
            for item in report.releases
        ],
        mirrors=mirrors,
        stale=report.is_stale,
    )


def _index(item: ReleaseStatus) -> Document:
    """`{index}` of a release that cannot be opened; nothing of any other."""
    return {"index": item.index.value} if item.index.problem else {}


def diff(old: LoadedRelease, new: LoadedRelease, result: ReleaseDiff) -> Document:
    """`diff`."""
    return document(
        "diff",
        old=release(old.tracked),
        new=release(new.tracked),
        added=[_project(entry) for entry in result.added],
        removed=[_project(entry) for entry in result.removed],
        changed=[_project(entry) for entry in result.changed],
        fetch_bytes=result.fetch.bytes,
        fetch_wheels=result.fetch.wheels,
    )


def _project(entry: ProjectDiff) -> Document:
    return {
        "project": entry.project,
        "old": [wheel.filename for wheel in entry.old],
        "new": [wheel.filename for wheel in entry.new],
        "bytes": entry.bytes,
    }


def verify(report: VerifyReport) -> Document:
    """`verify`."""
    return document(
        "verify",
        ok=not report.broken,
        pins=report.pins,
        blocks=report.blocks,
        bytes=report.bytes,
        wheels=report.wheels,
        repaired=report.repaired,
        broken=[
            {
                "release": damage.tracked.name,
                "project": damage.block.wheel.project if damage.block.wheel else None,
                "wheel": damage.block.wheel.filename if damage.block.wheel else None,
                "cid": str(damage.block.cid),
                "reason": damage.block.reason.value,
            }
            for damage in report.broken
        ],
    )
