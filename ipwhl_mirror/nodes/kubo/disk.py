"""The disk that a Kubo keeps its repository on."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from ipwhl_mirror.nodes.kubo.address import InvalidAddress, repo_directory, repo_rpc_address
from ipwhl_mirror.nodes.kubo.answers import read

if TYPE_CHECKING:
    from ipwhl_mirror.nodes.kubo.address import RpcAddress
    from ipwhl_mirror.nodes.kubo.rpc import Rpc


class _DiskInfo(msgspec.Struct):
    free_space: int
    total_space: int


class _Environment(msgspec.Struct):
    IPFS_PATH: str = ""


class _System(msgspec.Struct):
    diskinfo: _DiskInfo
    environment: _Environment = msgspec.field(default_factory=_Environment)


@dataclass(frozen=True, slots=True)
class Disk:
    """Room on a disk.

    Attributes:
        free_bytes: for this user where the repository is on this machine, else as the daemon says.
        free_inodes: None where that cannot be seen, or there is no such limit.
        directory: of the repository; None where it is on another machine.
    """

    free_bytes: int
    free_inodes: int | None
    directory: Path | None


async def disk_of(rpc: Rpc, address: RpcAddress) -> Disk:
    """What room the daemon's repository has.

    Raises:
        NodeRefused, NodeUnreachable: it does not answer.
    """
    system = read("diag/sys", await rpc.call("diag/sys"), _System)
    directory = Path(system.environment.IPFS_PATH) if system.environment.IPFS_PATH else repo_directory()
    if address.is_loopback and _runs_at(directory, address):
        blocks = directory / "blocks"  # which may be a link to another disk
        disk = os.statvfs(blocks if blocks.is_dir() else directory)
        return Disk(disk.f_bavail * disk.f_frsize, disk.f_favail if disk.f_files else None, directory)
    # Kubo gives f_bfree as free_space and, under the name of total_space, f_bavail
    return Disk(min(system.diskinfo.free_space, system.diskinfo.total_space), None, None)


def _runs_at(directory: Path, address: RpcAddress) -> bool:
    """Whether the daemon of this repository wrote down that it listens there."""
    try:
        running = repo_rpc_address(directory)
    except InvalidAddress:
        return False
    return running is not None and running.port == address.port
