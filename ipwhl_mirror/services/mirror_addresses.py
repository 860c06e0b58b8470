"""Where pip finds a mirror: an address that stays the same, whatever release it leads to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ipwhl_mirror.gateway.probe import probe_listing
from ipwhl_mirror.services.addresses import mirror_url, own_gateway
from ipwhl_mirror.services.errors import UsageProblem
from ipwhl_mirror.services.mirror_needs import current_of

if TYPE_CHECKING:
    from ipwhl_mirror.services.session import Session
    from ipwhl_mirror.state.mirrors import Mirrored


@dataclass(frozen=True, slots=True, kw_only=True)
class MirrorAddress:
    """The address of a mirror.

    Attributes:
        current: what it leads to now; None before the first run of the mirror is done.
        configured: whether the configuration names the mirror still.
        tested: whether a gateway answered at it with a listing just now.
        public: the same under the first of the names that clients may ask for behind a proxy; None where
            there is none. It is not tried: the proxy may be somewhere else.
    """

    name: str
    url: str
    current: Mirrored | None
    configured: bool
    tested: bool
    public: str | None = None


async def mirror_address(session: Session, name: str) -> MirrorAddress | None:
    """The address of a mirror that is configured, or has a release; None where there is none of that name.

    Raises:
        UsageProblem: a release has the name as its label.
    """
    current = current_of(session).get(name)
    configured = name in session.settings.config.mirror
    if current is None and not configured:
        return None
    url = mirror_url(own_gateway(session), name)
    _check_means_one_thing(session, name, url)
    serve = session.settings.config.serve
    return MirrorAddress(
        name=name,
        url=url,
        current=current,
        configured=configured,
        tested=await probe_listing(url),
        public=f"https://{serve.hosts[0]}/simple/{name}/" if serve.behind_proxy and serve.hosts else None,
    )


def _check_means_one_thing(session: Session, name: str, url: str) -> None:
    labelled = [tracked for tracked in session.state.releases() if tracked.label == name]
    if labelled:
        raise UsageProblem(
            f"{name!r} is a mirror, and the label of a release too",
            hint="give the release by its CID, or another name to the mirror",
            details=[
                f"mirror {name}: {url}",
                *(f"release {tracked.source or 'by hand'}/{name}: {tracked.cid}" for tracked in labelled),
            ],
        )
