"""What happens between a key and a release of one's own: ask for what it is made of, show what it would be,
ask once more, queue."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ipwhl_mirror.domain import figures
from ipwhl_mirror.domain.display import safe_text
from ipwhl_mirror.tui.cells import Cell
from ipwhl_mirror.tui.glyphs import Tone
from ipwhl_mirror.tui.proposal_rows import allowed_counts, place_lines
from ipwhl_mirror.tui.publish_entries import names_of, read_entries
from ipwhl_mirror.tui.screens.confirm import ConfirmDialog
from ipwhl_mirror.tui.screens.proposal import ProposalScreen
from ipwhl_mirror.tui.screens.publish import PublishDialog

if TYPE_CHECKING:
    from ipwhl_mirror.services.requests import PublishRequest
    from ipwhl_mirror.tui.app import MirrorApp
    from ipwhl_mirror.tui.backend import ProposalView
    from ipwhl_mirror.tui.messages import PublishingAsked
    from ipwhl_mirror.tui.publish_entries import PublishEntries
    from ipwhl_mirror.tui.widgets.lines import Line


async def ask(app: MirrorApp, entries: PublishEntries) -> None:
    """Ask what a release is to be made of, then show what it would be."""
    releases = names_of(() if app.overview is None else app.overview.releases)
    asked = await app.push_screen_wait(PublishDialog(app.desk, entries, releases))
    if asked is not None:
        request = read_entries(asked, releases)
        # the demo puts another backend in its place
        propose = lambda wanted, sink: app.backend.propose(wanted, sink)  # noqa: E731
        app.push_screen(ProposalScreen(app.desk, asked, request, propose))


async def publish(app: MirrorApp, event: PublishingAsked) -> None:
    """Ask once more, with all that will be said of it; queue it when told to."""
    request, name = event.request, safe_text(event.request.label or "a release")
    lines = publish_lines(event.proposal, request, app.desk.glyphs.dot)
    if await app.push_screen_wait(ConfirmDialog(app.desk, f"Publish {name}", lines, verb="Publish")):
        app.published = replace(event.entries, label="")
        app.request(f"publish {name}", request)
        if isinstance(app.screen, ProposalScreen):
            app.screen.dismiss()


def publish_lines(proposal: ProposalView, request: PublishRequest, dot: str) -> list[Line]:
    """What is made and pinned, what is allowed, and who is told."""
    gathered = proposal.gathered
    away = gathered.to_fetch
    lines: list[Line] = [
        (
            Cell(f"{figures.size(gathered.bytes):>10}", Tone.HEAD),
            Cell(f"  in {figures.plural(len(gathered.wheels), 'wheel')} are pinned on this node"),
        )
    ]
    if away:
        size = figures.size(sum(each.size or 0 for each in away))
        lines.append((Cell(f"{size:>10}", Tone.HEAD), Cell("  of them are fetched first, and hashed")))
    for rule, count in allowed_counts(proposal, request.allowed).items():
        findings = figures.plural(count, "finding")
        lines.append((Cell("   allowed  ", Tone.MUTED), Cell(f"{findings} of {rule.value}", Tone.PART)))
    return [*lines, (), *place_lines(request, dot)]
