"""Gateway addresses: what is one, how it is shown, and where a redirect may lead."""

from __future__ import annotations

import httpx
import pytest

from ipwhl_mirror.nodes.embedded.addresses import GatewayAddress, is_inside, is_loopback, redirect_target
from ipwhl_mirror.nodes.errors import NodeRefused

A = "https://a.example"


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        pytest.param("https://example.org", "https://example.org", id="plain"),
        pytest.param(" HTTPS://Example.org/ ", "https://example.org", id="case-and-slash"),
        pytest.param("http://127.0.0.1:8080", "http://127.0.0.1:8080", id="port"),
        pytest.param("https://example.org/ipfs/", "https://example.org", id="ends-in-ipfs"),
        pytest.param("https://example.org/mirror", "https://example.org/mirror", id="path"),
        pytest.param("https://me:secret@example.org/", "https://example.org", id="credentials"),
        pytest.param("http://[::1]:8080", "http://[::1]:8080", id="ipv6"),
    ],
)
def test_address_is_shown_without_what_is_secret_or_idle(given: str, shown: str) -> None:
    """The text form of an address has no credentials and no slash at its end."""
    address = GatewayAddress.parse(given)
    assert str(address) == shown
    assert "secret" not in repr(address)


@pytest.mark.parametrize(
    "given",
    [
        "",
        "example.org",
        "ftp://example.org",
        "https://",
        "/ip4/127.0.0.1/tcp/8080",
        "https://example.org/?x=1",
        "https://example.org/#x",
        "https://exa\x1bmple.org",
        "https://example.org:port",
    ],
)
def test_what_is_no_gateway_address_is_refused(given: str) -> None:
    """Anything but http or https, a host and a path is refused, and nothing of it can reach a terminal."""
    with pytest.raises(NodeRefused) as caught:
        GatewayAddress.parse(given)
    assert str(caught.value).isprintable()
    assert caught.value.hint


def test_credentials_are_not_in_the_refusal() -> None:
    """A refused address is named without its password."""
    with pytest.raises(NodeRefused) as caught:
        GatewayAddress.parse("https://me:secret@example.org/?x=1")
    assert "example.org" in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost", True),
        ("cid.ipfs.localhost", True),
        ("127.0.0.1", True),
        ("127.1", True),
        ("0x7f000001", True),
        ("2130706433", True),
        ("[::1]", True),
        ("[::ffff:127.0.0.1]", True),
        ("169.254.169.254", True),
        ("10.0.0.1", True),
        ("192.168.1.1", True),
        ("8.8.8.8", False),
        ("[2606:4700::1]", False),
        ("example.org", False),
        ("localhost.example.org", False),
    ],
)
def test_inside_is_this_machine_and_private_networks(host: str, expected: bool) -> None:
    """However an address is written, loopback, link-local and private ones are inside."""
    assert is_inside(httpx.URL(f"http://{host}/")) is expected


@pytest.mark.parametrize(
    ("gateway", "location", "expected"),
    [
        pytest.param(A, "https://other.example/x", "https://other.example/x", id="other-host"),
        pytest.param(A, "/y?z=1", "https://a.example/y?z=1", id="relative"),
        pytest.param("http://a.example", "https://a.example/", "https://a.example/", id="to-https"),
        pytest.param(
            "http://127.0.0.1:1", "http://127.0.0.1:2/", "http://127.0.0.1:2/", id="inside-to-inside"
        ),
        pytest.param(A, "http://a.example/", "redirects from https to http", id="to-http"),
        pytest.param(A, "ftp://a.example/", "redirects to what is no http or https address", id="ftp"),
        pytest.param(A, "file:///etc/passwd", "redirects to what is no http or https address", id="file"),
        pytest.param(
            A, "https://u:p@b.example/", "redirects to an address with credentials", id="credentials"
        ),
        pytest.param(A, "https://127.0.0.1:5001/", "redirects into a private network", id="loopback"),
        pytest.param(A, "https://0x7f000001/", "redirects into a private network", id="loopback-hex"),
        pytest.param(A, "https://169.254.169.254/", "redirects into a private network", id="link-local"),
        pytest.param(A, "https://[::1]/", "redirects into a private network", id="ipv6-loopback"),
        pytest.param(A, "https://x:port/", "redirects to what is no address", id="bad-port"),
    ],
)
def test_redirects_lead_only_where_they_may(gateway: str, location: str, expected: str) -> None:
    """A redirect gives its target, or the reason why it is not followed."""
    home = httpx.URL(gateway)
    if expected.startswith("redirects"):
        with pytest.raises(ValueError, match=expected):
            redirect_target(home, home.join("/ipfs/x"), location)
    else:
        assert str(redirect_target(home, home.join("/ipfs/x"), location)) == expected


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost", True),
        ("127.0.0.2", True),
        ("127.1", True),
        ("[::1]", True),
        ("[::ffff:127.0.0.1]", True),
        ("10.0.0.1", False),
        ("192.168.1.1", False),
        ("example.org", False),
    ],
)
def test_loopback_is_this_machine_only(host: str, expected: bool) -> None:
    """Private networks may be behind a proxy; this machine is not."""
    assert is_loopback(httpx.URL(f"http://{host}/")) is expected
