"""What `pip-config` and `doctor` say: what to give pip, and what to change, as lines to paste and as JSON."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import click

from ipwhl_mirror.cli.documents import Document, document, release
from ipwhl_mirror.domain.display import safe_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ipwhl_mirror.nodes.base import Finding
    from ipwhl_mirror.services.mirror_addresses import MirrorAddress
    from ipwhl_mirror.services.serving import IndexAddress, PipConfig


def pip_config_document(config: PipConfig) -> Document:
    """`pip-config`."""
    return document(
        "pip-config",
        release=release(config.loaded.tracked),
        addresses=[
            {
                "url": address.url,
                "selection": address.selection,
                "tested": address.tested,
                "gateway": "ipwhl-mirror" if address.is_ours else "node",
                "fetches": address.gateway.fetches,
            }
            for address in config.addresses
        ],
    )


def pip_config(config: PipConfig) -> None:
    """`pip-config`: lines to paste."""
    for address in config.addresses:
        tested = "tested" if address.tested else "not answering"
        if not address.is_ours:
            tested = f"the node's own gateway, {tested}"
        elif not address.tested:
            tested += "; run: ipwhl-mirror serve"
        click.echo(f"# {_what_it_gives(address)} ({tested})")
        _lines_for(address.url)


def mirror_address_document(address: MirrorAddress) -> Document:
    """`pip-config MIRROR`; `release` is what the mirror is at, null before its first run is done."""
    current = address.current
    return document(
        "pip-config",
        mirror=address.name,
        release=None if current is None else {"label": current.label, "cid": str(current.cid)},
        configured=address.configured,
        public_url=address.public,
        addresses=[{"url": address.url, "tested": address.tested, "gateway": "ipwhl-mirror"}],
    )


def mirror_address(address: MirrorAddress) -> None:
    """`pip-config MIRROR`: lines to paste."""
    if address.current is None:
        where = "it has no release yet; run: ipwhl-mirror sync " + address.name
    else:
        where = f"at {safe_text(address.current.label or str(address.current.cid))} now"
    tested = "tested" if address.tested else "not answering"
    if not address.tested and address.current is not None:
        tested += "; run: ipwhl-mirror serve"
    click.echo(f"# mirror {safe_text(address.name)}, {where} ({tested})")
    if not address.configured:
        click.echo("# the configuration names it no longer: the address goes with the next prune")
    _lines_for(address.url)
    if address.public is not None:
        click.echo(f"# behind the proxy: {address.public} (not tried)")


def _lines_for(url: str) -> None:
    click.echo(f"pip install --index-url {shlex.quote(url)} PROJECT")
    click.echo(f"uv pip install --index-url {shlex.quote(url)} PROJECT")


def _what_it_gives(address: IndexAddress) -> str:
    if address.selection is not None:
        return f"only what is mirrored: {address.selection or 'the whole release'}"
    if address.gateway.fetches:
        return "every wheel of the release; one that is not mirrored is fetched, outside plan and budget"
    return "every wheel of the release is listed; one that is not mirrored here answers 404"


def doctor_document(findings: Sequence[Finding]) -> Document:
    """`doctor`."""
    return document(
        "doctor",
        findings=[
            {
                "check": finding.check,
                "health": finding.health.value,
                "found": finding.found,
                "why": finding.why,
                "remedy": finding.remedy,
            }
            for finding in findings
        ],
    )


def doctor(findings: Sequence[Finding]) -> None:
    """`doctor`."""
    for finding in findings:
        click.echo(f"{finding.health.value:8} {finding.check}: {safe_text(finding.found)}")
        if finding.why:
            click.echo(f"{'':8} {safe_text(finding.why)}")
        if finding.remedy:
            click.echo(f"{'':8} -> {safe_text(finding.remedy)}")
