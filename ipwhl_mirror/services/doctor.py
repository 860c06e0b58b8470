"""What is wrong on this machine, why it matters, and what to do about it. Changes nothing."""

from __future__ import annotations

import os
import platform
import sqlite3
from typing import TYPE_CHECKING

from ipwhl_mirror import __version__
from ipwhl_mirror.config import ConfigError
from ipwhl_mirror.domain.figures import size
from ipwhl_mirror.gateway.errors import GatewayError
from ipwhl_mirror.gateway.server import start_gateway
from ipwhl_mirror.nodes.base import Finding, Health
from ipwhl_mirror.nodes.errors import NodeError
from ipwhl_mirror.services.holdings import holdings
from ipwhl_mirror.services.serving import gateway_settings

if TYPE_CHECKING:
    from ipwhl_mirror.nodes.base import NodeStatus
    from ipwhl_mirror.services.session import Session

_FEW_INODES = 10_000


async def examine(session: Session) -> tuple[Finding, ...]:
    """Look at versions, the data directory, the node, its disk, pins, and our own gateway.

    A node that does not answer, is too old or is none is a finding, too.
    """
    findings = [_versions(), _data_dir(session)]
    try:
        await session.check_node()
        status = await session.node.status()
        findings += [_node(status), _disk(session, status), _inodes(status)]
        findings += await session.node.examine()
        findings.append(await _pins(session))
    except (NodeError, ConfigError) as error:
        findings.append(_unusable(error))
    return (*findings, await _gateway(session))


def _unusable(error: NodeError | ConfigError) -> Finding:
    return Finding(
        check="node",
        health=Health.PROBLEM,
        found=str(error),
        why="nothing can be read, pinned or verified without it",
        remedy=error.hint,
    )


def _versions() -> Finding:
    return Finding(
        check="versions",
        health=Health.OK,
        found=f"ipwhl-mirror {__version__}, Python {platform.python_version()}, "
        f"SQLite {sqlite3.sqlite_version}",
    )


def _data_dir(session: Session) -> Finding:
    directory = session.settings.data_dir
    parent = next((path for path in (directory, *directory.parents) if path.exists()), directory)
    if not os.access(parent, os.W_OK):
        return Finding(
            check="data directory",
            health=Health.WARNING,
            found=f"{directory} cannot be written",
            why="only reading commands work",
            remedy="choose another with --data-dir, or run as its owner",
        )
    return Finding(check="data directory", health=Health.OK, found=str(directory))


def _node(status: NodeStatus) -> Finding:
    kept = size(status.repo_bytes)
    return Finding(check="node", health=Health.OK, found=f"{status.kind} {status.version}, keeps {kept}")


def _disk(session: Session, status: NodeStatus) -> Finding:
    reserve = session.settings.config.storage.reserve_free
    free = size(status.free_bytes)
    if status.free_bytes < reserve:
        return Finding(
            check="disk",
            health=Health.PROBLEM,
            found=f"{free} free, {size(reserve)} are to stay free",
            why="pins are refused",
            remedy="ipwhl-mirror unpin ..., then ipwhl-mirror gc; or lower [storage] reserve_free",
        )
    return Finding(check="disk", health=Health.OK, found=f"{free} free")


def _inodes(status: NodeStatus) -> Finding:
    if status.free_inodes is None:
        return Finding(check="inodes", health=Health.OK, found="no limit, or none that is shown")
    if status.free_inodes < _FEW_INODES:
        each = "wheel" if status.kind == "embedded" else "block, of 256 KiB at most,"
        return Finding(
            check="inodes",
            health=Health.WARNING,
            found=f"{status.free_inodes} free",
            why=f"every {each} takes one; without any nothing can be stored, however many bytes are free",
            remedy="remove small files from this disk, or keep what is mirrored on another",
        )
    return Finding(check="inodes", health=Health.OK, found=f"{status.free_inodes} free")


async def _pins(session: Session) -> Finding:
    held = holdings(session, await session.node.pinned())
    unread = [holding for holding in held if holding.verification is None]
    if unread:
        return Finding(
            check="pins",
            health=Health.WARNING,
            found=f"{len(unread)} of {len(held)} pins were not read back since they were fetched",
            why="that they are whole is not known, so their wheels do not count as pinned",
            remedy="ipwhl-mirror verify",
        )
    return Finding(check="pins", health=Health.OK, found=f"{len(held)}, all read back")


async def _gateway(session: Session) -> Finding:
    settings = gateway_settings(session)
    try:
        gateway = await start_gateway(session.node, settings)
    except GatewayError as error:
        return Finding(
            check="gateway",
            health=Health.WARNING,
            found=str(error),
            why="pip and uv get nothing from here",
            remedy="this is well if `ipwhl-mirror serve` runs; else choose another [serve] listen",
        )
    await gateway.aclose()
    return Finding(check="gateway", health=Health.OK, found=f"{settings.listen} can be served on")
