"""Names that gateways resolve for the embedded node: what they send is checked, and one decides little."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import httpx
import pytest
from aiohttp import web
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ipwhl_mirror.ipld.cid import DAG_PB, Cid
from ipwhl_mirror.nodes.base import RESOLVE_S, Transfer
from ipwhl_mirror.nodes.embedded.gateways import GatewayPool
from ipwhl_mirror.nodes.embedded.naming import resolve
from ipwhl_mirror.nodes.errors import NameUnresolved, NoSource
from tests.nodes.world import HASTY
from tests.simulators.faults import Compressed, Cut, Endless, Html, Lie, Redirect, Stall, Status
from tests.simulators.gateway import SimulatedGateway
from tests.simulators.ipns import NEVER, SigningKey, document, entry, new_key, validity
from tests.sources.test_documents import served

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from ipwhl_mirror.nodes.base import ResolvedName
    from tests.simulators.faults import Fault

FIRST, SECOND = Cid.of(b"first", DAG_PB), Cid.of(b"second", DAG_PB)
PATIENT = Transfer(stall_timeout_s=10.0)


@pytest.fixture
async def gateways() -> AsyncIterator[list[SimulatedGateway]]:
    """Two of them."""
    async with SimulatedGateway({}) as one, SimulatedGateway({}) as other:
        yield [one, other]


async def ask(
    gateways: list[SimulatedGateway],
    name: object,
    *,
    bound_s: float = RESOLVE_S,
    transfer: Transfer = PATIENT,
) -> ResolvedName:
    client = httpx.AsyncClient(verify=False, trust_env=False)
    async with client, GatewayPool([one.url for one in gateways], transfer, client=client) as pool:
        return await resolve(pool, str(name), bound_s=bound_s)


async def test_of_two_records_the_newer_one_counts(gateways: list[SimulatedGateway]) -> None:
    """A gateway that replays an old one cannot hide the new one; both are asked once."""
    key = new_key()
    gateways[0].records[str(key.name)] = key.record(f"/ipfs/{FIRST}", sequence=4)
    gateways[1].records[str(key.name)] = key.record(f"/ipfs/{SECOND}", sequence=5)
    for order in (gateways, gateways[::-1]):
        found = await ask(order, key.name)
        assert (found.cid, found.sequence, found.valid_until) == (SECOND, 5, NEVER)
    assert [len(gateway.requests) for gateway in gateways] == [2, 2]
    assert {request.accept for request in gateways[0].requests} == {"application/vnd.ipfs.ipns-record"}


def v1_only(key: SigningKey) -> bytes:
    path = f"/ipfs/{SECOND}".encode()
    signature = key.private.sign(path + validity(NEVER) + b"0")
    return entry(value=path, signature_v1=signature, validity_type=0, validity=validity(NEVER), sequence=9)


def too_long(key: SigningKey) -> bytes:
    data = document(f"/ipfs/{SECOND}", sequence=9, changed={"_padding": bytes(10 << 10)})
    return entry(signature_v2=key.sign(data), data=data)


YESTERDAY = datetime.now(UTC) - timedelta(days=1)
BAD: dict[str, tuple[Callable[[SigningKey], bytes], str]] = {
    "past its end": (lambda key: key.record(f"/ipfs/{SECOND}", sequence=9, until=YESTERDAY), "expired"),
    "version 1 alone": (v1_only, "no signature of version 2"),
    "longer than 10 KiB": (too_long, "longer than 10240 bytes"),
    "of another key": (lambda key: new_key().record(f"/ipfs/{SECOND}", sequence=9), "not signed by the key"),
}


@pytest.mark.parametrize("case", BAD)
async def test_a_bad_record_counts_for_nothing(gateways: list[SimulatedGateway], case: str) -> None:
    """A good one of another gateway is used, however low its sequence; alone it is an error, with the why."""
    key = new_key()
    make, words = BAD[case]
    gateways[0].records[str(key.name)] = make(key)
    gateways[1].records[str(key.name)] = key.record(f"/ipfs/{FIRST}", sequence=1)
    assert (await ask(gateways, key.name)).cid == FIRST
    with pytest.raises(NameUnresolved, match=words):
        await ask(gateways[:1], key.name)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Status(404), "does not have it"),
        (Status(500), "failed"),
        (Html(), "text/html instead of an IPNS record"),
        (Redirect("http://127.0.0.1:9/"), "cannot be reached"),
        (Redirect(""), "redirects more than 5 times"),
        (Compressed(), "compressed"),
        (Cut(after=10), "does not count|broke off"),
        (Endless(), "longer than 10240 bytes|sent only"),
        (Stall(-1), "did not answer|sent nothing"),
        (Lie(), "does not count"),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, str) else "",
)
async def test_a_broken_gateway_is_done_without(
    gateways: list[SimulatedGateway], fault: Fault, words: str
) -> None:
    """The other one's record is used; alone, the error says what was wrong with it."""
    key = new_key()
    for gateway in gateways:
        gateway.records[str(key.name)] = key.record(f"/ipfs/{FIRST}", sequence=1)
    gateways[0].always = fault
    transfer = HASTY if isinstance(fault, Stall) else PATIENT
    assert (await ask(gateways, key.name, transfer=transfer)).cid == FIRST
    with pytest.raises(NameUnresolved, match=words) as caught:
        await ask(gateways[:1], key.name, transfer=transfer)
    assert gateways[0].url in str(caught.value)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(bit=st.integers(0, 8 * 200))
async def test_a_flipped_bit_on_the_way_is_found(gateways: list[SimulatedGateway], bit: int) -> None:
    """Wherever it is."""
    key = new_key()
    record = bytearray(key.record(f"/ipfs/{FIRST}", sequence=1))
    record[bit // 8 % len(record)] ^= 1 << bit % 8
    gateways[0].records[str(key.name)] = bytes(record)
    with pytest.raises(NameUnresolved):
        await ask(gateways[:1], key.name)


async def test_of_two_links_the_first_gateway_s_counts(gateways: list[SimulatedGateway]) -> None:
    """Nothing tells which of them is right; the second is asked all the same, should the first fail."""
    for gateway, cid in zip(gateways, (FIRST, SECOND), strict=True):
        gateway.links["example.org"] = cid
    assert (await ask(gateways, "Example.org.")).cid == FIRST
    gateways[0].always = Status(404)
    assert (await ask(gateways, "example.org")).cid == SECOND


async def test_a_key_may_lead_to_a_domain(gateways: list[SimulatedGateway]) -> None:
    """The sequence is the key's."""
    key = new_key()
    gateways[0].records[str(key.name)] = key.record("/ipns/example.org", sequence=3)
    gateways[0].links["example.org"] = FIRST
    found = await ask(gateways, key.name)
    assert (found.cid, found.sequence) == (FIRST, 3)


async def test_it_ends_in_time(gateways: list[SimulatedGateway]) -> None:
    """Though every gateway is silent."""
    for gateway in gateways:
        gateway.hold()
    with pytest.raises(NameUnresolved, match=r"within 0\.05 s"):
        await ask(gateways, "example.org", bound_s=0.05)


async def test_without_a_gateway_there_is_nobody_to_ask() -> None:
    """The hint says how to name one."""
    with pytest.raises(NoSource) as caught:
        await ask([], "example.org")
    assert "--gateway" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("headers", "led_to"),
    [
        ({"X-Ipfs-Roots": str(FIRST)}, FIRST),
        ({"Etag": f'"{FIRST}.raw"'}, FIRST),
        ({"Etag": f'W/"{FIRST}.raw"'}, FIRST),
        ({"X-Ipfs-Roots": f"{FIRST},{SECOND}"}, "into a directory"),
        ({}, "leads to nothing"),
        ({"X-Ipfs-Roots": "<h1>"}, "leads to <h1>, no CID"),
        ({"Etag": '"abc"'}, "leads to nothing"),
    ],
)
async def test_what_a_gateway_says_of_a_domain(headers: dict[str, str], led_to: Cid | str) -> None:
    """By either header; the body is not read."""

    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(body=b"?", headers={"Content-Type": "application/vnd.ipld.raw", **headers})

    async with (
        served(answer) as url,
        httpx.AsyncClient(trust_env=False) as client,
        GatewayPool([url], PATIENT, client=client) as pool,
    ):
        if isinstance(led_to, Cid):
            assert (await resolve(pool, "example.org")).cid == led_to
        else:
            with pytest.raises(NameUnresolved, match=led_to):
                await resolve(pool, "example.org")
