"""The part of the live backend that makes releases and announces them; see Backend for the promises."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ipwhl_mirror.domain.figures import plural
from ipwhl_mirror.services import places, publishing
from ipwhl_mirror.services.announcing import FeedFile
from ipwhl_mirror.services.foreseeing import foresee
from ipwhl_mirror.services.proposals import compare_with_before
from ipwhl_mirror.services.tagging import GitTag
from ipwhl_mirror.tui.backend_values import ProposalView

if TYPE_CHECKING:
    from ipwhl_mirror.services.events import ProgressSink
    from ipwhl_mirror.services.requests import PublishRequest
    from ipwhl_mirror.services.session import Session


class LivePublishing:
    """Releases of one's own, of one session."""

    def __init__(self, session: Session) -> None:
        self._publishing_session = session

    async def propose(self, asked: PublishRequest, on_progress: ProgressSink) -> ProposalView:
        """See Backend."""
        session, where, recipe = self._publishing_session, _places(asked), _recipe(asked)
        found = await places.survey(session, where)
        proposal = await publishing.propose(session, recipe, on_progress)
        gathered = proposal.gathered
        feed = None if found.feed is None else where.feed
        change = await compare_with_before(session, gathered, asked.inputs, feed)
        outlook = await foresee(
            session,
            where,
            found,
            gathered,
            label=asked.label,
            cid_version=recipe.cid_version,
            sink=on_progress,
        )
        return ProposalView(gathered=gathered, report=proposal.report, change=change, outlook=outlook)

    async def publish(self, asked: PublishRequest, on_progress: ProgressSink) -> str:
        """See Backend."""
        session, where = self._publishing_session, _places(asked)
        await places.look_at(session, where)
        loaded = await publishing.publish(session, _recipe(asked), label=asked.label, sink=on_progress)
        said = await places.announce(session, where, loaded)
        wheels = plural(len(loaded.release.wheels), "wheel")
        return "; ".join([f"{wheels} published: {loaded.tracked.cid}", *said.words])


def _recipe(asked: PublishRequest) -> publishing.Recipe:
    return publishing.Recipe(
        inputs=asked.inputs,
        selection=asked.chosen,
        drop=asked.drop,
        supported=None if asked.supported is None else Path(asked.supported),
        allowed=frozenset(asked.allowed),
    )


def _places(asked: PublishRequest) -> places.Places:
    feed = tag = None
    if asked.key is not None and asked.label is not None:
        key, label = Path(asked.key), asked.label
        if asked.feed is not None:
            feed = FeedFile(path=Path(asked.feed), key=key, label=label, expires_days=asked.expires_days)
        if asked.git_tag is not None:
            tag = GitTag(directory=Path(asked.git_tag), key=key, label=label)
    return places.Places(feed=feed, ipns=asked.ipns, git_tag=tag)
