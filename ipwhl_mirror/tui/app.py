"""The terminal application: it wires the backend, the screens and the jobs together, and does nothing else.

Screens say what is asked for (`messages`); flows ask back and queue jobs (`flows`); jobs run one at a time as
workers. What was read last stands in `overview` and `opened`, which the screens watch. Every failed worker
ends in one handler that shows the error's own words and its hint.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from textual.reactive import reactive
from textual.screen import ModalScreen
from textual.worker import Worker, WorkerState

from ipwhl_mirror.domain.display import safe_text
from ipwhl_mirror.services.session import utc_now
from ipwhl_mirror.tui import (
    bulk,
    comparing,
    flows,
    following,
    keymap,
    messages,
    palette,
    publishing,
    themes,
    title,
)
from ipwhl_mirror.tui.desk import Access, Desk
from ipwhl_mirror.tui.glyphs import UNICODE, Glyphs
from ipwhl_mirror.tui.history import History
from ipwhl_mirror.tui.jobs import Failure
from ipwhl_mirror.tui.keys import Place, bindings, changes_something
from ipwhl_mirror.tui.mirror_rows import news
from ipwhl_mirror.tui.publish_entries import PublishEntries
from ipwhl_mirror.tui.reading_app import GLANCE, READ, REOPEN, ReadingApp
from ipwhl_mirror.tui.refreshing import EVERY_S, Refreshing
from ipwhl_mirror.tui.runner import GROUP as JOBS
from ipwhl_mirror.tui.screens.contents import ContentsScreen
from ipwhl_mirror.tui.screens.diff import DiffScreen
from ipwhl_mirror.tui.screens.help import HelpOverlay
from ipwhl_mirror.tui.screens.jobs import JobsScreen
from ipwhl_mirror.tui.screens.mirrors import MirrorsScreen
from ipwhl_mirror.tui.screens.pins import PinsScreen
from ipwhl_mirror.tui.screens.platforms import PlatformsScreen
from ipwhl_mirror.tui.screens.releases import ReleasesScreen
from ipwhl_mirror.tui.screens.view import View
from ipwhl_mirror.tui.widgets.key_bar import active_keys
from ipwhl_mirror.tui.widgets.storage_bar import Unknown

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable
    from datetime import datetime
    from pathlib import PurePath

    from textual.app import SystemCommand
    from textual.binding import BindingType
    from textual.message import Message
    from textual.notifications import SeverityLevel
    from textual.screen import Screen

    from ipwhl_mirror.tui.backend import Backend, DiffView, Overview, ReleaseSummary
    from ipwhl_mirror.tui.keymap import Keymap


VIEWS: dict[str, type[View]] = {
    "releases": ReleasesScreen,
    "contents": ContentsScreen,
    "platforms": PlatformsScreen,
    "pins": PinsScreen,
    "mirrors": MirrorsScreen,
    "diff": DiffScreen,
    "jobs": JobsScreen,
}
"""The full screens; each keeps its state while others are in front."""

FIRST = "releases"


class MirrorApp(ReadingApp, inherit_bindings=False):
    """The application."""

    TITLE = "ipwhl-mirror"
    CSS_PATH: ClassVar[list[str | PurePath]] = ["app.tcss", "screens/dialog.tcss"]
    BINDINGS: ClassVar[list[BindingType]] = bindings(Place.ANYWHERE)
    DEFAULT_MODE = FIRST
    MODES: ClassVar[dict[str, str | Callable[[], Screen[Any]]]] = {name: name for name in VIEWS}

    compared: reactive[DiffView | None] = reactive(None, always_update=True)
    """The two releases that were compared last."""

    def __init__(
        self,
        backend: Backend,
        *,
        access: Access,
        glyphs: Glyphs = UNICODE,
        clock: Callable[[], datetime] = utc_now,
        refresh_every_s: float = EVERY_S,
        keys: Keymap = keymap.DEFAULT,
        theme: str = themes.DEFAULT,
    ) -> None:
        super().__init__()
        self.dress(glyphs, theme)
        jobs = self.begin_jobs(backend, clock)
        self.desk = Desk(glyphs=glyphs, access=access, jobs=jobs, clock=clock, keymap=keys)
        self.set_keymap(keys.overrides)
        self.refreshing = Refreshing(self, every_s=refresh_every_s, clock=clock)
        self._history = History(FIRST)
        self.published = PublishEntries()
        for name, view in VIEWS.items():
            self.install_screen(self._make(view), name)

    def _make(self, view: type[View]) -> View:
        if view is MirrorsScreen:
            # the demo puts another backend in its place
            return MirrorsScreen(self.desk, lambda mirror: self.backend.mirror_url(mirror))
        return view(self.desk)

    def watch_overview(self, before: Overview | None, after: Overview | None) -> None:
        """Say what the sources announced since."""
        if before is None or after is None:
            return
        for words, is_trouble in news(before, after):
            severity: SeverityLevel = "warning" if is_trouble else "information"
            self.notify(words, title="sources", severity=severity, timeout=10, markup=False)

    @property
    def title_words(self) -> str:
        return title.title_words(VIEWS[self._history.current].NAME, self.desk.jobs)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "view" and parameters == (self.current_mode,):
            return False
        return not (self.desk.is_read_only and changes_something(action))

    def check_message_enabled(self, message: Message) -> bool:
        if isinstance(message, messages.Changing) and self.desk.is_read_only:
            return False
        return super().check_message_enabled(message)

    def action_reload(self) -> None:
        super().action_reload()
        if isinstance(self.screen, View):
            self.screen.read_again()

    def action_view(self, mode: str) -> None:
        if mode == "contents" and self.opened is None and self.overview and self.overview.releases:
            self.post_message(messages.Opened(self.overview.releases[0]))
        self._history.jump(mode)
        self._show_current()

    def action_show_keys(self) -> None:
        self.push_screen(HelpOverlay(self.desk, active_keys(self.screen, self.desk.keymap)))

    def action_leave(self) -> None:
        self._flow(flows.leave(self))

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        return palette.commands(self, screen, self.desk.keymap)

    def on_opened(self, event: messages.Opened) -> None:
        self.get_screen("contents", ContentsScreen).expect(event.summary, event.at)
        self.run_worker(self._open(event), group="open", exclusive=True, exit_on_error=False)
        self._history.open("contents")
        self._show_current()

    def on_pin_asked(self, event: messages.PinAsked) -> None:
        self._flow(flows.pin(self, event.summary, event.selection))

    def on_unpin_asked(self, event: messages.UnpinAsked) -> None:
        self._flow(flows.unpin(self, event.summary, event.selection))

    def on_pin_many_asked(self, event: messages.PinManyAsked) -> None:
        self._flow(bulk.pin(self, event.wanted))

    def on_unpin_many_asked(self, event: messages.UnpinManyAsked) -> None:
        self._flow(bulk.unpin(self, event.releases, event.pins))

    def on_copy_menu_asked(self, event: messages.CopyMenuAsked) -> None:
        self._flow(bulk.copy_menu(self, event))

    def on_track_asked(self, event: messages.TrackAsked) -> None:
        self._flow(flows.track(self, event.cid))

    def on_untrack_asked(self, event: messages.UntrackAsked) -> None:
        self._flow(bulk.untrack(self, event.summaries))

    def on_python_asked(self, event: messages.PythonAsked) -> None:
        screen = self.get_screen("contents", ContentsScreen)
        self._flow(flows.narrow_pythons(self, screen, event.marks))

    def on_diff_asked(self, event: messages.DiffAsked) -> None:
        self._compare(comparing.with_the_one_before(event.summary, self._releases))

    def on_compare_asked(self, event: messages.CompareAsked) -> None:
        self._compare(comparing.in_order(event.one, event.two, self._releases))

    def on_other_diff_asked(self, event: messages.OtherDiffAsked) -> None:
        self._compare(comparing.with_another(comparing.Pair(event.old, event.new), self._releases))

    def on_export_asked(self, event: messages.ExportAsked) -> None:
        self._flow(flows.export(self, event.summary, event.selection))

    def on_import_asked(self) -> None:
        self._flow(flows.import_car(self))

    def on_publish_asked(self, event: messages.PublishAsked) -> None:
        self._flow(publishing.ask(self, event.entries or self.published))

    def on_publishing_asked(self, event: messages.PublishingAsked) -> None:
        self._flow(publishing.publish(self, event))

    def on_prune_asked(self) -> None:
        self._flow(flows.prune(self))

    def on_collect_asked(self) -> None:
        self._flow(flows.collect(self))

    def on_sync_asked(self, event: messages.SyncAsked) -> None:
        following.sync(self, event.mirror)

    def on_go_to_asked(self, event: messages.GoToAsked) -> None:
        self._flow(following.go_to(self, event.mirror))

    def on_update_asked(self) -> None:
        self.queue("update", self.backend.update)

    def on_source_add_asked(self) -> None:
        self._flow(following.add_source(self))

    def on_source_remove_asked(self, event: messages.SourceRemoveAsked) -> None:
        self._flow(following.remove_source(self, event.name))

    def on_demo_asked(self) -> None:
        self.queue("demo", lambda sink: flows.demo(self, sink))

    def on_copy_asked(self, event: messages.CopyAsked) -> None:
        text = safe_text(event.text)
        self.copy_to_clipboard(text)
        self.notify(text, title="copied")

    def on_back_asked(self) -> None:
        self._history.back()
        self._show_current()

    def on_view_asked(self, event: messages.ViewAsked) -> None:
        self.action_view(event.view)

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        if event.worker.group in (JOBS, READ, GLANCE):
            return
        if event.worker.error is not None and event.state is WorkerState.ERROR:
            failure = Failure.of(event.worker.error)
            self.notify(failure.text, severity="error", timeout=10)
            if event.worker.group in ("open", REOPEN):
                self.get_screen("contents", ContentsScreen).show_failure(failure)
            elif event.worker.group == "diff":
                self.get_screen("diff", DiffScreen).show_failure(failure)
            elif event.worker.group == "storage":
                self.get_screen("pins", PinsScreen).show_failure(failure)
            elif event.worker.group == "garbage":
                self.reclaimable = Unknown.FAILED

    def _flow(self, flow: Coroutine[None, None, None]) -> None:
        if isinstance(self.screen, ModalScreen):
            flow.close()
            return
        self.run_worker(flow, group="flow", exclusive=True, exit_on_error=False)

    @property
    def _releases(self) -> tuple[ReleaseSummary, ...]:
        return self.overview.releases if self.overview is not None else ()

    def _compare(self, pair: comparing.Pair | None) -> None:
        if pair is None:
            return
        self.get_screen("diff", DiffScreen).expect(*pair)
        self.run_worker(self._read_diff(*pair), group="diff", exclusive=True, exit_on_error=False)
        self._history.open("diff")
        self._show_current()

    def _show_current(self) -> None:
        mode = self._history.current
        above = self._history.above
        self.get_screen(mode, VIEWS[mode]).status_bar.show_way([(VIEWS[name].NAME, name) for name in above])
        self.switch_mode(mode)
        self.workers.cancel_group(self, "garbage")
        if mode == "pins":
            self.read_storage_soon()

    async def _read_diff(self, old: ReleaseSummary, new: ReleaseSummary) -> None:
        self.compared = await self.backend.diff(old.cid, new.cid)

    async def _open(self, event: messages.Opened) -> None:
        self.opened = await self.backend.load(event.summary.cid)
