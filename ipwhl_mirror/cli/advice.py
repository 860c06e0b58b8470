"""The texts of `pip-config` and `doctor`: what to give pip, and what to change, as lines to paste."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import click

from ipwhl_mirror.domain.display import safe_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ipwhl_mirror.nodes.base import Finding
    from ipwhl_mirror.services.mirror_addresses import MirrorAddress
    from ipwhl_mirror.services.serving import IndexAddress, PipConfig


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


def doctor(findings: Sequence[Finding]) -> None:
    """`doctor`."""
    for finding in findings:
        click.echo(f"{finding.health.value:8} {finding.check}: {safe_text(finding.found)}")
        if finding.why:
            click.echo(f"{'':8} {safe_text(finding.why)}")
        if finding.remedy:
            click.echo(f"{'':8} -> {safe_text(finding.remedy)}")
