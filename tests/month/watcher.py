"""A client that never rests: it walks the address of a mirror, every listing and every wheel, over and over.

It knows which releases there are to be seen, each as the wheels with their hashes that it must have, and
notes whatever answers that is none of them whole. A page or wheel that goes while it walks is no fault where
the address leads to another release by then; no answer is one, but while nobody is said to be able to answer.
"""

from __future__ import annotations

import http.client
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

from tests.gateway.client import Answer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Self

    from tests.month.publisher import Wheels

RELEASE = "x-ipwhl-release"
_PATIENCE_S = 30.0


class _Gone(Exception):
    """Something does not answer as it should."""


@dataclass(frozen=True, slots=True)
class Walk:
    """One walk from beginning to end at one release.

    Attributes:
        number: of the walk; 1 is the first.
        cid: what the address led to.
    """

    number: int
    cid: str
    wheels: Wheels


class Watcher:
    """A thread that walks while it is entered.

    Attributes:
        problems: what must not be, in words.
        walks: those that began and ended at the same release.
        straddled: how many saw a switch.
        cids: what the address led to, in order.
    """

    def __init__(self, port: int, mirror: str, *, pause_s: float) -> None:
        """Nothing is asked yet.

        Args:
            port: of the gateway, on 127.0.0.1.
            pause_s: between two walks.
        """
        self._port = port
        self._mirror = mirror
        self._pause_s = pause_s
        self._whole: set[Wheels] = set()
        self._is_excused = 0
        self._begun = 0
        self._ended = 0
        self._stop = threading.Event()
        self._wanted = threading.Event()
        self._walked = threading.Condition()
        self._thread = threading.Thread(target=self._keep_walking, name="watcher")
        self._connection: http.client.HTTPConnection | None = None
        self.problems: list[str] = []
        self.walks: list[Walk] = []
        self.straddled = 0
        self.cids: list[str] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._wanted.set()
        self._thread.join(_PATIENCE_S)
        assert not self._thread.is_alive()

    def expect(self, wheels: Wheels) -> None:
        """Let this be one of the releases that may be seen."""
        self._whole.add(wheels)

    def moved(self, port: int) -> None:
        """Ask there from the next walk on."""
        self._port = port

    @contextmanager
    def excused(self) -> Iterator[None]:
        """While nobody can answer: errors are none, but what is answered must be right."""
        self._is_excused += 1
        try:
            yield
            self.after_now()
        finally:
            self._is_excused -= 1

    def after_now(self) -> Walk | None:
        """Return when a walk that begins after this is over; gives it where it saw one release."""
        with self._walked:
            wanted = self._begun + 1
            self._wanted.set()
            ended = self._walked.wait_for(lambda: self._ended >= wanted or self._stop.is_set(), _PATIENCE_S)
            assert ended, "the watcher is stuck"
        return self.walks[-1] if self.walks and self.walks[-1].number >= wanted else None

    def _keep_walking(self) -> None:
        while not self._stop.is_set():
            with self._walked:
                self._begun += 1
                self._wanted.clear()
            excused = self._is_excused
            try:
                self._walk()
            except (_Gone, OSError, http.client.HTTPException) as error:
                self._connection = None
                if not excused and not self._is_excused:
                    self.problems.append(f"walk {self._begun}: {type(error).__name__}: {error}")
            with self._walked:
                self._ended = self._begun
                self._walked.notify_all()
            self._wanted.wait(self._pause_s)
        if self._connection is not None:
            self._connection.close()

    def _walk(self) -> None:
        root = f"/simple/{self._mirror}/"
        page = self._get(root)
        cid = page.headers[RELEASE]
        if not self.cids or self.cids[-1] != cid:
            self.cids.append(cid)
        found: set[tuple[str, str, str]] = set()
        try:
            for project, href in page.links().items():
                found |= self._project(project, urljoin(root, href), cid)
        except (_Switched, _Gone):
            if self._get(root).headers[RELEASE] == cid:
                raise
            self.straddled += 1
            return
        wheels = frozenset(found)
        if wheels not in self._whole:
            nearest = min(self._whole, key=lambda whole: len(whole ^ wheels))
            differing = sorted(name for _, name, _ in nearest ^ wheels)
            self.problems.append(f"walk {self._begun}: {cid} is no release that is whole: {differing}")
        self.walks.append(Walk(self._begun, cid, wheels))

    def _project(self, project: str, path: str, cid: str) -> set[tuple[str, str, str]]:
        page = self._get(path)
        if page.headers[RELEASE] != cid:
            raise _Switched
        found = set()
        for filename, href in page.links().items():
            url, fragment = urldefrag(urljoin(path, href))
            digest = sha256(self._get(url).body).hexdigest()
            if fragment and fragment != f"sha256={digest}":
                self.problems.append(f"{filename} is listed as {fragment} and is {digest}")
            if unquote(urlsplit(url).path).rpartition("/")[2] != filename:
                self.problems.append(f"{filename} leads to {url}")
            found.add((project, filename, digest))
        return found

    def _get(self, path: str) -> Answer:
        """A whole answer of 200.

        Raises:
            _Gone: it is none.
        """
        if self._connection is None or self._connection.port != self._port:
            self._connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=_PATIENCE_S)
        self._connection.request("GET", path, headers={"Accept": "text/html"})
        response = self._connection.getresponse()
        body = response.read()
        if response.status != 200:
            raise _Gone(f"{path}: {response.status} {body[:200].decode(errors='replace')}")
        return Answer(200, {name.lower(): value for name, value in response.getheaders()}, body, True)


class _Switched(Exception):
    """The address leads to another release than when the walk began."""
