"""Serve what is here to pip and to other mirrors, until told to stop; and say which index-url to use."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

from ipwhl_mirror.domain.display import safe_text
from ipwhl_mirror.gateway.errors import MirrorsUnknown
from ipwhl_mirror.gateway.probe import probe_listing
from ipwhl_mirror.gateway.server import start_gateway
from ipwhl_mirror.gateway.settings import GatewaySettings
from ipwhl_mirror.services import releases
from ipwhl_mirror.services.addresses import index_url, own_gateway
from ipwhl_mirror.services.holdings import holdings
from ipwhl_mirror.services.mirror_metrics import MirrorFigures
from ipwhl_mirror.services.mirrors import CurrentMirrors
from ipwhl_mirror.state.errors import StateError
from ipwhl_mirror.state.wheel_facts import FrozenWheelFacts, WheelFactsFile

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from ipwhl_mirror.gateway.server import RunningGateway
    from ipwhl_mirror.ipld.cid import Cid
    from ipwhl_mirror.nodes.base import NodeGateway
    from ipwhl_mirror.services.releases import LoadedRelease
    from ipwhl_mirror.services.session import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexAddress:
    """One address pip can be given.

    Attributes:
        url: the index-url.
        selection: the part it holds, as CLI text; None for the official root, which lists every wheel.
        tested: whether a gateway answered at it with a listing just now.
        gateway: which one that is.
        is_ours: it is this program's, not the node's own.
    """

    url: str
    selection: str | None
    tested: bool
    gateway: NodeGateway
    is_ours: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PipConfig:
    """The addresses of a release through our gateway, the official one first, and through the node's own."""

    loaded: LoadedRelease
    addresses: tuple[IndexAddress, ...]


def gateway_settings(session: Session, listen: str | None = None) -> GatewaySettings:
    """The gateway's settings of this session's configuration."""
    serve = session.settings.config.serve
    return GatewaySettings(listen=listen or serve.listen, hosts=serve.hosts, behind_proxy=serve.behind_proxy)


@contextlib.asynccontextmanager
async def serving(session: Session, listen: str | None = None) -> AsyncIterator[RunningGateway]:
    """Run the gateway; reading only, so no lock is held and pins go on beside it. What it finds out of wheels
    for its listings is remembered in the data directory where that can be written.

    Args:
        listen: host:port; None for the configured one.

    Raises:
        GatewayError: the address cannot be used.
    """
    facts = (FrozenWheelFacts if session.settings.read_only else WheelFactsFile)(session.settings.data_dir)
    gateway = await start_gateway(
        session.node,
        gateway_settings(session, listen),
        mirrors=_ServedMirrors(session),
        facts=facts,
        monitored=MirrorFigures(session),
    )
    try:
        yield gateway
    finally:
        await gateway.aclose()


class _ServedMirrors(CurrentMirrors):
    """The same for the gateway's clients, who are told when the database cannot be read."""

    def _current(self) -> dict[str, Cid]:
        try:
            return super()._current()
        except StateError as error:
            raise MirrorsUnknown(safe_text(str(error))) from error


async def pip_config(session: Session, rel: str) -> PipConfig:
    """Which index-url to give pip and uv: the official CID for many platforms, a subset's for a clean "no
    matching distribution" where only that part is mirrored. Each is tried through the gateway.

    Raises:
        UnknownRelease, AmbiguousRelease, NodeError.
    """
    loaded = await releases.load(session, rel)
    ours = own_gateway(session)
    gateways = [ours]
    if (own := await session.node.gateway()) is not None:
        gateways.append(own)
    parts: dict[str, str | None] = {str(loaded.tracked.cid): None}
    for holding in holdings(session, await session.node.pinned()):
        if holding.tracked.cid.digest == loaded.tracked.cid.digest:
            parts.setdefault(str(holding.pin.cid), holding.pin.selection)
    addresses = []
    for gateway, (cid, selection) in product(gateways, parts.items()):
        url = index_url(gateway, cid)
        tested = await probe_listing(url)
        addresses.append(
            IndexAddress(
                url=url, selection=selection, tested=tested, gateway=gateway, is_ours=gateway is ours
            )
        )
    return PipConfig(loaded=loaded, addresses=tuple(addresses))
