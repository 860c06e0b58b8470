"""Small wheels that pip installs, and releases of them in memory, as `ipfs add -r` would make them."""

from __future__ import annotations

import base64
import hashlib
import io
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ipwhl_mirror.ipld.dagpb import Link
from ipwhl_mirror.ipld.directories import build_directory
from ipwhl_mirror.ipld.files import FileBuilder, Wrapper, leaf_block

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ipwhl_mirror.ipld.cid import Cid

ANY = "py3-none-any"
LINUX = "cp311-cp311-manylinux_2_17_x86_64"
ARM = "cp311-cp311-macosx_11_0_arm64"
WINDOWS = "cp311-cp311-win_amd64"
_STAMP = (2020, 1, 1, 0, 0, 0)


def wheel_bytes(
    name: str,
    version: str,
    tag: str,
    *,
    padding: int = 0,
    requires: Iterable[str] = (),
    requires_python: str = "",
) -> bytes:
    """A wheel whose one module says its version; `padding` adds so many bytes that do not compress."""
    module = name.replace("-", "_").lower()
    info = f"{name.replace('-', '_')}-{version}.dist-info"
    noise = b"".join(
        hashlib.sha256(f"{name} {version} {tag} {at}".encode()).digest() for at in range(-(-padding // 32))
    )[:padding]
    files = {
        f"{module}.py": f'__version__ = "{version}"\n'.encode(),
        f"{info}/METADATA": "".join(
            [
                f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
                f"Requires-Python: {requires_python}\n" if requires_python else "",
                *(f"Requires-Dist: {requirement}\n" for requirement in requires),
            ]
        ).encode(),
        f"{info}/WHEEL": (
            f"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: {tag}\n".encode()
        ),
    }
    if padding:
        files[f"{module}_data.bin"] = noise
    record = "".join(f"{path},sha256={_digest(data)},{len(data)}\n" for path, data in files.items())
    files[f"{info}/RECORD"] = (record + f"{info}/RECORD,,\n").encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path, data in files.items():
            archive.writestr(zipfile.ZipInfo(path, _STAMP), data)
    return buffer.getvalue()


def _digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


@dataclass(frozen=True, slots=True)
class SampleRelease:
    """A release: its root, every block of it by digest, and its wheels' files by (project, file name)."""

    root: Cid
    blocks: dict[bytes, bytes]
    files: dict[tuple[str, str], bytes]

    def file_cid(self, project: str, filename: str) -> Cid:
        """The CID of one of its wheels."""
        return add_file(self.files[project, filename], {})[0]


def add_file(data: bytes, blocks: dict[bytes, bytes], *, cid_version: int = 0) -> tuple[Cid, int]:
    """Put a file's blocks into `blocks`; gives its CID and Tsize."""
    builder = FileBuilder(cid_version)
    builder.update(data)
    built = builder.finish()
    for cid, block in built.inner:
        blocks[cid.digest] = block
    wrapper = Wrapper.UNIXFS_FILE if cid_version == 0 else Wrapper.NONE
    for leaf in built.leaves:
        blocks[leaf.digest] = leaf_block(data[leaf.offset : leaf.offset + leaf.length], wrapper)
    return built.cid, built.tsize


def sample_release(files: Mapping[tuple[str, str], bytes], *, cid_version: int = 0) -> SampleRelease:
    """A release of these files, by (project, file name)."""
    blocks: dict[bytes, bytes] = {}
    projects: dict[str, list[Link]] = {}
    for (project, filename), data in files.items():
        cid, tsize = add_file(data, blocks, cid_version=cid_version)
        projects.setdefault(project, []).append(Link(cid, filename, tsize))
    links = []
    for project, entries in projects.items():
        tree = build_directory(entries, cid_version=cid_version)
        blocks.update((cid.digest, block) for cid, block in tree.blocks)
        links.append(tree.link(project))
    root = build_directory(links, cid_version=cid_version)
    blocks.update((cid.digest, block) for cid, block in root.blocks)
    return SampleRelease(root.cid, blocks, dict(files))


def sample_wheels(version: str = "1.0", *, padding: int = 300_000) -> dict[tuple[str, str], bytes]:
    """Three projects: `pure` for everything, `native` for three platforms, `other` for two."""
    wanted = [
        ("pure", ANY, 2_000),
        ("native", LINUX, padding),
        ("native", ARM, padding),
        ("native", WINDOWS, padding),
        ("other", LINUX, 5_000),
        ("other", ARM, 5_000),
    ]
    return {
        (name, f"{name}-{version}-{tag}.whl"): wheel_bytes(name, version, tag, padding=size)
        for name, tag, size in wanted
    }
