"""Where this program's gateway is, and where it lists a release or a mirror for pip, running or not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipwhl_mirror.nodes.base import NodeGateway

if TYPE_CHECKING:
    from ipwhl_mirror.ipld.cid import Cid
    from ipwhl_mirror.services.session import Session


def own_gateway(session: Session) -> NodeGateway:
    """The gateway that `serve` starts in this configuration."""
    return NodeGateway(url=f"http://{session.settings.config.serve.listen}", fetches=False)


def index_url(gateway: NodeGateway, cid: Cid | str) -> str:
    """Where a gateway lists a release or a subset for pip."""
    return f"{gateway.url}/ipfs/{cid}/"


def mirror_url(gateway: NodeGateway, mirror: str) -> str:
    """Where our gateway lists the release that a mirror is at."""
    return f"{gateway.url}/simple/{mirror}/"
