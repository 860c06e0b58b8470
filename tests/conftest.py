"""What every test shares: no settings of the user, the vectors, and a small release to mirror."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pytest

from ipwhl_mirror.config import Config, NodeConfig, StorageConfig
from ipwhl_mirror.services.session import Session
from ipwhl_mirror.services.settings import Settings
from tests.simulators.gateway import SimulatedGateway
from tests.simulators.wheels import SampleRelease, sample_release, sample_wheels

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from contextlib import AbstractAsyncContextManager

VECTORS = Path(__file__).parent / "vectors"


@pytest.fixture(autouse=True)
def _no_user_settings(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Tests see no configuration, data or IPFS repository of the user, and no proxy."""
    home = tmp_path_factory.mktemp("home")
    for name in [name for name in os.environ if name.startswith("IPWHL_MIRROR_") and "_TEST_" not in name]:
        monkeypatch.delenv(name)
    for name in ("IPFS_PATH", "NO_COLOR", "FORCE_COLOR", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(name, str(home / name))


@pytest.fixture
def signals_count() -> Iterator[None]:
    """Programs started by the test end on signals, though the test run itself may have been told to ignore
    them (nohup, or in the background of a script)."""
    ignored = [
        number for number in (signal.SIGHUP, signal.SIGINT) if signal.getsignal(number) is signal.SIG_IGN
    ]
    for number in ignored:
        signal.signal(number, signal.SIG_DFL)
    yield
    for number in ignored:
        signal.signal(number, signal.SIG_IGN)


@pytest.fixture(scope="session")
def vectors() -> Path:
    """The folder of CARs and expected results made with the reference tools."""
    return VECTORS


class OpenSession(Protocol):
    """Opens a session on the test's data directory."""

    def __call__(
        self, *gateways: str, read_only: bool = False, reserve_free: int = 0, directory: str = "data"
    ) -> AbstractAsyncContextManager[Session]: ...


@pytest.fixture(scope="session")
def sample() -> SampleRelease:
    """Three projects, six wheels, four platforms."""
    return sample_release(sample_wheels())


@pytest.fixture
async def source(sample: SampleRelease) -> AsyncIterator[SimulatedGateway]:
    """A gateway that has the sample release whole."""
    async with SimulatedGateway(sample.blocks) as gateway:
        yield gateway


@pytest.fixture
def open_session(tmp_path: Path) -> OpenSession:
    """`open_session(*gateways)` opens a session, always on the same data directory."""

    def open_(
        *gateways: str, read_only: bool = False, reserve_free: int = 0, directory: str = "data"
    ) -> AbstractAsyncContextManager[Session]:
        config = Config(
            node=NodeConfig(spec="embedded", gateways=gateways, stall_timeout=5.0),
            storage=StorageConfig(reserve_free=reserve_free),
        )
        return Session.open(
            Settings(data_dir=tmp_path / directory, config=config, read_only=read_only, lock_wait_s=0.2)
        )

    return open_


@pytest.fixture
async def session(open_session: OpenSession, source: SimulatedGateway) -> AsyncIterator[Session]:
    """A session that fetches from the source."""
    async with contextlib.AsyncExitStack() as stack:
        yield await stack.enter_async_context(open_session(source.url))
