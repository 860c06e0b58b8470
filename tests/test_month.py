"""A month of a mirror: thirty days with releases, faults on most of them, and a client that never rests.

All through it the address leads to one whole release: every walk of the watcher sees the wheels, with their
hashes, of a release that was published. Only what changed travels, the disk stays within the budget, what
retention keeps is kept, pins of others stay, and in the end nothing is left that nobody asked for.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING

import pytest

from ipwhl_mirror.ipld.cid import RAW, Cid
from tests.month.books import Books, walk, wheel_cid
from tests.month.feed_server import FeedServer
from tests.month.node_side import EmbeddedSide, KuboSide
from tests.month.publisher import Publisher
from tests.month.site import DAY, MIRROR, PATIENT_S, SHORT_S, Ran, Site
from tests.month.upstream import GatewayUpstream, PeerUpstream
from tests.month.watcher import Watcher
from tests.nodes.kubo_daemon import KuboRepo, ipfs_command
from tests.simulators.forked_program import ProgramServer
from tests.simulators.gateway import SimulatedGateway
from tests.sources.git_world import make_key

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from tests.month.node_side import NodeSide
    from tests.month.publisher import Edition
    from tests.month.upstream import Upstream
    from tests.simulators.forked_program import Running

pytestmark = [
    pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="ssh-keygen is not installed"),
    pytest.mark.timeout(600),
]
BUDGET = 8_000_000
OVERHEAD, OVERHEAD_OF_BLOCK = 4_000, 100
"""Bytes beside those that are known: all together fewer than the smallest wheel has."""
REFUSED, GUARD = 4, 5
FAILED = frozenset({1, 3, 6})
"""What a run ends with whose wheels or source cannot be had."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """What may travel.

    Attributes:
        before: bytes that were sent till now.
        payload: bytes of the blocks.
    """

    before: int
    blocks: int
    payload: int

    def check(self, sent: int, *, in_vain: int = 0) -> None:
        """No more travelled, now that so many bytes were sent."""
        travelled = sent - self.before
        allowed = self.payload + in_vain + OVERHEAD + OVERHEAD_OF_BLOCK * self.blocks
        assert travelled <= allowed, f"{travelled} bytes travelled for {self.payload} in {self.blocks} blocks"


@dataclass
class Month:
    """The world, and what must be so in it."""

    site: Site
    upstream: Upstream
    side: NodeSide
    publisher: Publisher
    feed: FeedServer
    random: Random
    books: Books = field(default_factory=Books)
    watcher: Watcher | None = None
    newest: Edition | None = None
    stopped: Bill | None = None
    pips: int = 0
    said: str = ""

    @property
    def current(self) -> Edition:
        """What the address leads to."""
        return self.books.kept[0].edition

    # what every day does

    async def begin(self) -> None:
        """The first release, the source, the first run, `serve`, the watcher; pins of others."""
        async with self.site.session() as session:
            # a new Kubo has pins of its own
            self.books.foreign = {pin.cid: pin.name for pin in await session.node.pins()}
        edition = self.publisher.first()
        await self.upstream.offer(edition.made)
        self.feed.body = self.publisher.announce(edition, self.site.now)
        key = str(self.publisher.key.with_suffix(".pub"))
        await self.site.do("source", "add", "campus", self.feed.url, "--key", key)
        await self.go_to(edition)
        photos = b"photos"
        async with self.site.session() as session:
            cid = Cid.of(photos, RAW)
            await session.node.put_blocks([(cid, photos)])
            await session.node.pin(cid, "photos", transfer=session.settings.transfer)
        self.books.foreign[cid] = "photos"
        port = await self.site.start_serving()
        self.watcher = Watcher(port, MIRROR, pause_s=0.5)
        self.watcher.expect(edition.seen(self.site.platforms))

    async def publish(self, edition: Edition) -> Edition:
        """Have it, and announce it with the right signature."""
        await self.upstream.offer(edition.made)
        self.feed.body = self.publisher.announce(edition, self.site.now)
        self.may_be_seen(edition)
        self.newest = edition
        self.books.announced = edition.sequence
        self.books.under_way.add(edition.made.root.digest)
        return edition

    def may_be_seen(self, edition: Edition) -> None:
        """The address may lead to it from now on."""
        if self.watcher is not None:
            self.watcher.expect(edition.seen(self.site.platforms))

    async def go_to(self, edition: Edition, *arguments: str) -> Ran:
        """A run that brings the address there; of what its node stores not a block travels again."""
        bill = self.bill(edition)
        ran = await self.site.do("sync", *arguments)
        bill.check(self.upstream.sent())
        await self.is_at(edition, ran)
        return ran

    def bill(self, edition: Edition | None) -> Bill:
        """From now on: what may travel until the mirror is at a release; None: nothing may."""
        lacking = {} if edition is None else edition.to_travel(self.site.platforms, self.side.digests())
        return Bill(before=self.upstream.sent(), blocks=len(lacking), payload=sum(lacking.values()))

    async def is_at(self, edition: Edition, ran: Ran) -> None:
        """The address leads to it, and everything is as the books say."""
        assert ran.mirror["label"] == edition.label
        self.books.sequence = max(self.books.sequence, edition.sequence)
        self.books.switch(edition, self.site)
        self.books.under_way.clear()
        await self.look()
        disk, kept = self.side.wheel_bytes(), self.books.bytes_on_disk()
        assert disk <= kept + OVERHEAD, f"{disk} bytes on the disk, of {kept} that are kept"

    async def stays(self, ran: Ran, codes: frozenset[int]) -> None:
        """The run ended so, and the address leads where it did."""
        assert ran.code in codes, f"ended with {ran.code}: {ran.said}"
        self.said += ran.said[-400:]
        if ran.document and ran.mirror["retired"]:  # a run with nothing to go to tidies up all the same
            self.books.retire(self.site)
        await self.look()

    async def look(self) -> None:
        """The watcher has walked since, at what the books say is current; the books are right."""
        async with self.site.session() as session:
            self.site.budget = BUDGET
            await self.books.check(session, self.site)
        if self.watcher is not None:
            seen = self.watcher.after_now()
            assert not self.watcher.problems, self.watcher.problems
            assert seen is not None and seen.wheels == self.books.kept[0].seen

    async def interrupted(self, how: Callable[[Running], Awaitable[None]]) -> Ran:
        """A run that is stopped when half of what it needs has come."""
        edition = self.publisher.large()
        await self.publish(edition)
        self.stopped = self.bill(edition)
        half = self.stopped.payload // 2
        self.site.stall_s = PATIENT_S
        paused = asyncio.create_task(self.upstream.pause_after(half))
        await asyncio.sleep(0)
        running = self.site.begin("sync")
        try:
            async with asyncio.timeout(PATIENT_S):
                await paused
        except TimeoutError:
            running.kill()
            raise AssertionError(
                f"half of it did not come: {(await self.site.end_of(running)).said}"
            ) from None
        self.site.stall_s = SHORT_S
        await self.pip()
        await how(running)
        ran = await self.site.end_of(running)
        self.upstream.go_on()
        return ran

    async def resumes(self) -> None:
        """The next run goes on where that one was: both together are not sent more than one that is not
        stopped, but what was on its way."""
        assert self.newest is not None and self.stopped is not None
        await self.go_to(self.newest)
        self.stopped.check(self.upstream.sent(), in_vain=self.upstream.in_flight)

    async def pip(self) -> None:
        """A real pip installs from the address."""
        self.pips += 1
        await self.site.pip("flask-like", f"pip-{self.pips}")

    # the days

    async def plain(self) -> None:
        """A release like most."""
        await self.go_to(await self.publish(self.publisher.next()))

    async def nothing_new(self) -> None:
        """No release; the run fetches nothing."""
        bill = self.bill(None)
        ran = await self.site.do("sync")
        assert not ran.mirror["changed"]
        bill.check(self.upstream.sent())
        self.books.retire(self.site)
        await self.look()
        await self.plain()

    async def big(self) -> None:
        """Wheels of several blocks."""
        await self.go_to(await self.publish(self.publisher.with_big()))

    async def killed(self) -> None:
        """SIGKILL of the run, then another."""

        async def kill(running: Running) -> None:
            running.kill()

        ran = await self.interrupted(kill)
        await self.stays(ran, frozenset({-9}))
        await self.resumes()

    async def terminated(self) -> None:
        """SIGTERM of the run, then another."""

        async def end(running: Running) -> None:
            os.kill(running.pid, signal.SIGTERM)

        ran = await self.interrupted(end)
        await self.stays(ran, frozenset({130, 143, -15}))
        await self.resumes()

    async def crashed(self) -> None:
        """SIGKILL of the node; whoever asks then gets no answer, and a right one as soon as it is back."""
        assert self.watcher is not None
        with self.watcher.excused():
            ran = await self.interrupted(self.side.crash)
            await self.side.come_back()
            assert self.site.serving is not None
            self.watcher.moved(self.site.serving.client.port)
        await self.stays(ran, self.side.cut_codes)
        await self.resumes()

    async def fails_while(self, fault: Callable[[Edition], AbstractAsyncContextManager[None]]) -> None:
        """Something is wrong with where wheels come from, and is not any more."""
        edition = await self.publish(self.publisher.next())
        async with fault(edition):
            ran = await self.site.run("sync")
        if ran.code == 0:  # it found a way around
            await self.is_at(edition, ran)
            return
        await self.stays(ran, FAILED)
        await self.go_to(edition)

    async def damaged(self) -> None:
        """A wheel is not what its CID says."""
        await self.fails_while(lambda edition: self.upstream.damaged(self._new_wheel(edition)))

    async def lacking_a_block(self) -> None:
        """A wheel is not to be had."""

        @asynccontextmanager
        async def lacking(edition: Edition) -> AsyncIterator[None]:
            await self.upstream.lack(self._new_wheel(edition))
            yield
            await self.upstream.offer(edition.made)

        await self.fails_while(lacking)

    async def senseless(self) -> None:
        """Where wheels come from sends without end, or nothing."""
        await self.fails_while(lambda edition: self.upstream.senseless())

    async def breaking_off(self) -> None:
        """Connections end in the midst of it."""
        await self.fails_while(lambda edition: self.upstream.breaking_off())

    async def away(self) -> None:
        """Nobody has the wheels."""
        await self.fails_while(lambda edition: self.upstream.away())

    async def refused(self, feed: bytes, codes: frozenset[int]) -> None:
        """The feed says something that is not believed; then what is right."""
        good, self.feed.body = self.feed.body, feed
        ran = await self.site.run("sync")
        await self.stays(ran, codes)
        self.feed.body = good
        await self.plain()

    async def wrong_key(self) -> None:
        """Signed by somebody."""
        said = self.publisher.statement(self.publisher.next(), self.site.now, key=self.publisher.stranger)
        await self.refused(self.publisher.feed(said), frozenset({0, REFUSED}))

    async def unsigned(self) -> None:
        """Signed by nobody."""
        said = self.publisher.unsigned(self.publisher.next(), self.site.now)
        await self.refused(self.publisher.feed(said), frozenset({0, REFUSED, 1}))

    async def rolled_back(self) -> None:
        """What was said some days ago."""
        await self.plain()
        said, self.publisher.said = self.publisher.said, self.publisher.said[:1]
        old = self.publisher.feed()
        self.publisher.said = said
        await self.refused(old, frozenset({REFUSED}))

    async def endless_feed(self) -> None:
        """A feed that does not end."""
        self.feed.is_endless = True
        ran = await self.site.run("sync")
        self.feed.is_endless = False
        await self.stays(ran, FAILED)
        await self.plain()

    async def feed_in_trouble(self) -> None:
        """A server that says 500."""
        self.feed.status = 500
        ran = await self.site.run("sync")
        self.feed.status = 200
        await self.stays(ran, FAILED)
        await self.plain()

    async def frozen(self) -> None:
        """What was said last has expired, and nothing newer comes for a day."""
        edition = self.publisher.next()
        await self.upstream.offer(edition.made)
        self.feed.body = self.publisher.announce(edition, self.site.now, expires=timedelta(hours=6))
        self.may_be_seen(edition)
        await self.go_to(edition)
        self.site.now += timedelta(hours=12)
        ran = await self.site.run("sync")
        await self.stays(ran, frozenset({REFUSED}))
        self.site.now += timedelta(hours=1)
        await self.plain()

    async def clock_back(self) -> None:
        """This machine's clock is behind: what is new is not believed, and is as soon as it is right."""
        now = self.site.now
        edition = await self.publish(self.publisher.next())
        self.site.now = now - 3 * DAY
        ran = await self.site.run("sync")
        self.site.now = now
        await self.stays(ran, frozenset({REFUSED}))
        await self.go_to(edition)

    async def mass_removal(self) -> None:
        """A release that lacks half is refused, and the mended one is taken."""
        edition = self.publisher.lacking()
        await self.publish(edition)
        ran = await self.site.run("sync")
        self.books.sequence = edition.sequence
        await self.stays(ran, frozenset({GUARD}))
        await self.plain()

    async def bloated(self) -> None:
        """A release over the budget is refused, and the mended one is taken."""
        edition = self.publisher.bloated(BUDGET + 1_000_000)
        await self.publish(edition)
        bill = self.bill(None)
        ran = await self.site.run("sync")
        bill.check(self.upstream.sent())
        self.books.sequence = edition.sequence
        await self.stays(ran, frozenset({GUARD}))
        await self.plain()

    async def back_by_hand(self) -> None:
        """A person goes back, the next run stays, and news lead on."""
        await self.plain()
        older = self.books.kept[1]
        self.may_be_seen(older.edition)
        await self.go_to(older.edition, MIRROR, "--to", older.edition.label)
        ran = await self.site.do("sync")
        assert not ran.mirror["changed"]
        await self.look()
        await self.plain()

    async def windows(self) -> None:
        """A platform joins the releases; the campus takes it too from then on."""
        await self.go_to(await self.publish(self.publisher.add_windows()))
        self.site.platforms = (*self.site.platforms, "windows-amd64")
        self.may_be_seen(self.current)
        await self.go_to(self.current)
        await self.plain()

    async def a_person_pins(self) -> None:
        """Two projects of this release are kept by hand, whatever becomes of the mirror's."""
        await self.plain()
        label = self.current.label
        await self.site.do("pin", label, "--project", "pure-*")
        taken = {key: data for key, data in self.current.made.files.items() if key[0].startswith("pure-")}
        self.books.others = {wheel_cid(data): len(data) for data in taken.values()}
        self.books.persons_release = label
        await self.look()

    # what is left in the end

    async def end(self) -> None:
        """Garbage is collected once more: nothing is there but what pins reach, and no file of a run."""
        assert self.watcher is not None
        await self.pip()
        await self.site.do("verify")
        assert self.watcher.after_now() is not None
        await self.site.run("--yes", "gc")
        reached: set[bytes] = set()
        async with self.site.session() as session:
            for pin in await session.node.pins():
                reached |= await walk(session, pin.cid)
            tracked = {release.label for release in session.state.releases()}
        assert self.side.digests() - reached == set()
        assert set(self.books.others) <= {cid for cid in self.books.others if cid.digest in reached}
        known = {kept.edition.label for kept in self.books.kept} | {self.books.persons_release}
        assert tracked == known
        left = [path.name for path in self.site.data.rglob("*") if path.suffix in (".tmp", ".part", ".new")]
        assert left == []

    def _new_wheel(self, edition: Edition) -> Cid:
        """Of a wheel that the mirror takes, and does not have."""
        held = {cid for kept in self.books.kept for cid in kept.wheels} | set(self.books.others)
        taken = edition.taken(self.site.platforms).values()
        return next(cid for cid in map(wheel_cid, taken) if cid not in held)


DAYS = (
    Month.plain,
    Month.big,
    Month.killed,
    Month.wrong_key,
    Month.a_person_pins,
    Month.damaged,
    Month.terminated,
    Month.rolled_back,
    Month.plain,
    Month.mass_removal,
    Month.crashed,
    Month.unsigned,
    Month.breaking_off,
    Month.back_by_hand,
    Month.big,
    Month.windows,
    Month.killed,
    Month.endless_feed,
    Month.frozen,
    Month.lacking_a_block,
    Month.bloated,
    Month.plain,
    Month.crashed,
    Month.away,
    Month.clock_back,
    Month.senseless,
    Month.nothing_new,
    Month.feed_in_trouble,
    Month.terminated,
    Month.plain,
)


async def live_through(month: Month, days: tuple[Callable[[Month], Awaitable[None]], ...]) -> None:
    """Day after day."""
    await month.begin()
    assert month.watcher is not None
    with month.watcher:
        for number, day in enumerate(days, start=1):
            month.site.now += DAY
            try:
                await day(month)
            except BaseException as error:
                error.add_note(f"day {number}: {day.__name__}; before it: {month.said[-2000:]}")
                raise
        await month.end()
    walks = len(month.watcher.walks)
    assert walks >= len(days) and not month.watcher.problems, month.watcher.problems


def in_another_order(seed: int) -> tuple[Callable[[Month], Awaitable[None]], ...]:
    """The days of a month, shuffled; what each needs of the days before it stays before it."""
    days = [*DAYS[3:]]
    Random(seed).shuffle(days)
    return (*DAYS[:3], *days)


@asynccontextmanager
async def embedded_month(directory: Path, seed: int) -> AsyncIterator[Month]:
    """On the embedded node."""
    async with AsyncExitStack() as stack:
        gateway = await stack.enter_async_context(SimulatedGateway({}))
        program = stack.enter_context(ProgramServer(directory))
        feed = await stack.enter_async_context(FeedServer())
        site = Site(directory, program, "embedded", gateways=(gateway.url,), budget=BUDGET)
        stack.push_async_callback(site.aclose)
        yield Month(
            site=site,
            upstream=GatewayUpstream(gateway),
            side=EmbeddedSide(site),
            publisher=_publisher(directory, seed),
            feed=feed,
            random=Random(seed),
        )


@asynccontextmanager
async def kubo_month(directory: Path, seed: int) -> AsyncIterator[Month]:
    """On a real daemon, with a real peer that has the wheels."""
    command = ipfs_command()
    async with AsyncExitStack() as stack:
        # else the mirror learns of a way around the relay
        hidden = {"Addresses.NoAnnounce": ["/ip4/127.0.0.1/ipcidr/8"]}
        repo = KuboRepo.make(command, directory / "publisher", hidden)
        mirror = stack.enter_context(KuboRepo.make(command, directory / "mirror").start())
        publisher = stack.enter_context(repo.start())
        upstream = await stack.enter_async_context(PeerUpstream.between(publisher, repo, mirror))
        program = stack.enter_context(ProgramServer(directory))
        feed = await stack.enter_async_context(FeedServer())
        site = Site(directory, program, mirror.rpc_url, budget=BUDGET)
        stack.push_async_callback(site.aclose)
        yield Month(
            site=site,
            upstream=upstream,
            side=KuboSide(mirror, upstream),
            publisher=_publisher(directory, seed),
            feed=feed,
            random=Random(seed),
        )


def _publisher(directory: Path, seed: int) -> Publisher:
    return Publisher(Random(seed), make_key(directory / "id"), make_key(directory / "stranger"))


async def test_a_month_on_the_embedded_node(tmp_path: Path) -> None:
    """Thirty days."""
    async with embedded_month(tmp_path, 1) as month:
        await live_through(month, DAYS)


@pytest.mark.kubo
async def test_days_on_a_kubo(tmp_path: Path) -> None:
    """The first eleven of these days: a damaged wheel, kills of the run and of the daemon."""
    async with kubo_month(tmp_path, 1) as month:
        await live_through(month, DAYS[:11])


@pytest.mark.nightly
@pytest.mark.kubo
async def test_a_month_on_a_kubo(tmp_path: Path) -> None:
    """All thirty."""
    async with kubo_month(tmp_path, 1) as month:
        await live_through(month, DAYS)


@pytest.mark.nightly
@pytest.mark.parametrize("seed", range(2, 12))
async def test_more_months_on_the_embedded_node(seed: int, tmp_path: Path) -> None:
    """Other releases, and the days in another order."""
    async with embedded_month(tmp_path, seed) as month:
        await live_through(month, in_another_order(seed))


@pytest.mark.nightly
@pytest.mark.kubo
@pytest.mark.parametrize("seed", range(2, 6))
async def test_more_months_on_a_kubo(seed: int, tmp_path: Path) -> None:
    """Likewise."""
    async with kubo_month(tmp_path, seed) as month:
        await live_through(month, in_another_order(seed))
