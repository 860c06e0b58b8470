"""Where a Kubo's RPC is, as people and Kubo write it; and its secret, which is never shown."""

from __future__ import annotations

import os
import traceback
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipwhl_mirror.config import ConfigError
from ipwhl_mirror.nodes.kubo.address import (
    SECRET_VARIABLE,
    Credentials,
    InvalidAddress,
    RpcAddress,
    credentials_from,
    repo_directory,
    repo_rpc_address,
)

if TYPE_CHECKING:
    from pathlib import Path

SECRET = "correct-horse"


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("/ip4/127.0.0.1/tcp/5001", "http://127.0.0.1:5001"),
        ("/ip4/127.0.0.1/tcp/5001/", "http://127.0.0.1:5001"),
        ("/ip4/10.0.0.7/tcp/5001/http", "http://10.0.0.7:5001"),
        ("/ip6/::1/tcp/5001", "http://[::1]:5001"),
        ("/dns4/Node.Example/tcp/443/https", "https://node.example:443"),
        ("/dns/ipfs/tcp/5001", "http://ipfs:5001"),
        ("/dns6/ipfs/tcp/5001", "http://ipfs:5001"),
        ("http://127.0.0.1:5001", "http://127.0.0.1:5001"),
        ("http://127.0.0.1:5001/", "http://127.0.0.1:5001"),
        ("http://127.0.0.1:5001/api/v0", "http://127.0.0.1:5001"),
        ("http://127.0.0.1:5001/api/v0/", "http://127.0.0.1:5001"),
        ("http://[::1]:5001", "http://[::1]:5001"),
        ("http://ipfs", "http://ipfs:80"),
        ("http://my_node:5001", "http://my_node:5001"),
        ("https://node.example", "https://node.example:443"),
    ],
)
def test_addresses(text: str, url: str) -> None:
    """Multiaddrs and URLs are the same endpoints; http and its usual ports where nothing is said."""
    address = RpcAddress.parse(text)
    assert address.url == url
    assert RpcAddress.parse(address.url) == address


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "a multiaddr, or a URL"),
        ("127.0.0.1:5001", "a multiaddr, or a URL"),
        ("ftp://127.0.0.1", "a multiaddr, or a URL"),
        ("http://", "is no host"),
        ("http://a..b", "is no host"),
        ("http://-a", "is no host"),
        ("http://a b", "is no host"),
        ("http://127.0.0.1:0", "port 0 is not from 1 to 65535"),
        ("http://127.0.0.1:65536", "ort out of range"),
        ("http://127.0.0.1:5001/ipfs", "only scheme, host and port"),
        ("http://127.0.0.1:5001/api/v1", "only scheme, host and port"),
        ("http://127.0.0.1:5001?a=b", "only scheme, host and port"),
        ("http://[::1", "Invalid IPv6"),
        ("/ip4/127.0.0.1", "ip4, ip6 or dns, and tcp"),
        ("/ip4/127.0.0.1/udp/5001", "ip4, ip6 or dns, and tcp"),
        ("/ip4/127.0.0.1/tcp/5001/p2p/x", "ip4, ip6 or dns, and tcp"),
        ("/unix/run/ipfs.sock", "ip4, ip6 or dns, and tcp"),
        ("/ip4/::1/tcp/5001", "is not of ip4"),
        ("/ip6/127.0.0.1/tcp/5001", "is not of ip6"),
        ("/ip4/ipfs/tcp/5001", "is no host"),
        ("/ip4/127.0.0.1/tcp/99999", "is not from 1 to 65535"),
        ("http://\x1b]2J", "Invalid IPv6"),
    ],
)
def test_what_is_no_address_is_told(text: str, words: str) -> None:
    """The text, what was expected, and an example."""
    with pytest.raises(InvalidAddress) as caught:
        RpcAddress.parse(text)
    assert words in str(caught.value)
    assert caught.value.hint is not None and "http://127.0.0.1:5001" in caught.value.hint
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "text",
    [
        f"http://me:{SECRET}@127.0.0.1:5001",
        f"http://{SECRET}@127.0.0.1",
        f"http://me:{SECRET}@127.0.0.1:99999",
        f"ftp://me:{SECRET}@127.0.0.1",
        f"me:{SECRET}@127.0.0.1:5001",
        f"http://127.0.0.1:5001?token={SECRET}",
    ],
)
def test_a_secret_in_an_address_is_refused_and_not_repeated(text: str) -> None:
    """A command line is seen by every user of a machine; an error message by whoever reads the log."""
    with pytest.raises(InvalidAddress) as caught:
        RpcAddress.parse(text)
    assert SECRET not in "".join(traceback.format_exception(caught.value))


@given(st.text())
def test_any_text_is_an_address_or_told(text: str) -> None:
    """Nothing else is raised, and what is an address is the same one again."""
    try:
        address = RpcAddress.parse(text)
    except InvalidAddress:
        return
    assert RpcAddress.parse(address.url) == address


@given(
    st.sampled_from(["http", "https"]),
    st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6), st.sampled_from(["ipfs", "node-1.example"])),
    st.integers(1, 65535),
)
def test_an_address_is_read_as_it_is_written(scheme: str, host: object, port: int) -> None:
    """The URL says all of it."""
    address = RpcAddress(scheme, str(host), port)
    assert RpcAddress.parse(address.url) == address


@pytest.mark.parametrize(
    ("host", "is_loopback"),
    [("127.0.0.1", True), ("127.8.0.1", True), ("::1", True), ("localhost", True), ("10.0.0.1", False),
     ("0.0.0.0", False), ("::", False), ("ipfs", False)],
)  # fmt: skip
def test_what_only_this_machine_reaches(host: str, is_loopback: bool) -> None:
    """Names but `localhost` may be anybody's."""
    assert RpcAddress("http", host, 5001).is_loopback == is_loopback


def test_the_repository_is_that_of_the_ipfs_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """$IPFS_PATH, else ~/.ipfs."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("IPFS_PATH", raising=False)
    assert repo_directory() == tmp_path / ".ipfs"
    monkeypatch.setenv("IPFS_PATH", str(tmp_path / "repo"))
    assert repo_directory() == tmp_path / "repo"


@pytest.mark.parametrize(
    ("written", "url"),
    [
        ("/ip4/127.0.0.1/tcp/5001\n", "http://127.0.0.1:5001"),
        ("/ip4/0.0.0.0/tcp/5001", "http://127.0.0.1:5001"),
        ("/ip6/::/tcp/5001", "http://[::1]:5001"),
    ],
)
def test_the_daemon_s_own_note_of_its_address(written: str, url: str, tmp_path: Path) -> None:
    """What listens on every interface is reached on this machine."""
    assert repo_rpc_address(tmp_path) is None
    (tmp_path / "api").write_text(written)
    address = repo_rpc_address(tmp_path)
    assert address is not None and address.url == url


def test_a_note_that_is_no_address_is_told(tmp_path: Path) -> None:
    """A daemon on a Unix socket cannot be used."""
    (tmp_path / "api").write_text("/unix/run/ipfs.sock")
    with pytest.raises(InvalidAddress):
        repo_rpc_address(tmp_path)


@pytest.mark.parametrize(
    ("text", "header"),
    [
        (f"bearer:{SECRET}", f"Bearer {SECRET}"),
        (f"  bearer:{SECRET}\n", f"Bearer {SECRET}"),
        ("bearer:a:b", "Bearer a:b"),
        ("basic:user:password", "Basic dXNlcjpwYXNzd29yZA=="),
        ("basic:dXNlcjpwYXNzd29yZA==", "Basic dXNlcjpwYXNzd29yZA=="),
    ],
)
def test_secrets_as_kubo_has_them(text: str, header: str) -> None:
    """The forms of `API.Authorizations`."""
    assert Credentials.parse(text).header == {"Authorization": header}


@pytest.mark.parametrize(
    "text",
    ["", SECRET, f"Bearer {SECRET}", "bearer:", "basic:", f"digest:{SECRET}", f"bearer:{SECRET}\nX: y"],
)
def test_a_wrong_secret_is_told_without_it(text: str) -> None:
    """What is expected, not what was given."""
    with pytest.raises(ConfigError) as caught:
        Credentials.parse(text)
    assert SECRET not in "".join(traceback.format_exception(caught.value))
    assert caught.value.hint is not None and "bearer:TOKEN" in caught.value.hint


def test_a_secret_is_not_in_what_is_printed() -> None:
    """A log or a traceback that shows the object does not show it."""
    credentials = Credentials.parse(f"bearer:{SECRET}")
    assert SECRET not in f"{credentials} {credentials!r}"


@pytest.fixture
def auth_file(tmp_path: Path) -> Path:
    """A file that only we can read."""
    file = tmp_path / "secret"
    file.write_text(f"bearer:{SECRET}\n")
    file.chmod(0o600)
    return file


def test_the_environment_comes_before_the_file(auth_file: Path) -> None:
    """And without either there is no secret."""
    assert credentials_from(None, {}) is None
    assert credentials_from(auth_file, {}) == Credentials.parse(f"bearer:{SECRET}")
    other = {SECRET_VARIABLE: "bearer:other"}
    assert credentials_from(auth_file, other) == credentials_from(None, other) == Credentials("Bearer other")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o644, 0o610])
def test_a_file_that_others_may_use_is_refused(auth_file: Path, mode: int) -> None:
    """With the command that closes it."""
    auth_file.chmod(mode)
    with pytest.raises(ConfigError, match="others than its owner") as caught:
        credentials_from(auth_file, {})
    assert caught.value.hint == f"chmod 600 {auth_file}"


def test_a_file_stricter_than_asked_is_taken(auth_file: Path) -> None:
    """0400 too."""
    auth_file.chmod(0o400)
    assert credentials_from(auth_file, {}) is not None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_of_another_user_is_refused(auth_file: Path) -> None:
    """Who owns it can change it."""
    os.chown(auth_file, 12345, -1)
    with pytest.raises(ConfigError, match="belongs to another user"):
        credentials_from(auth_file, {})


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    """Missing, a directory, or no text."""
    (tmp_path / "binary").write_bytes(b"bearer:\xff\xfe")
    (tmp_path / "binary").chmod(0o600)
    for name, words in (("missing", "No such file"), ("", "Is a directory"), ("binary", "it is no text")):
        with pytest.raises(ConfigError, match=words):
            credentials_from(tmp_path / name, {})
