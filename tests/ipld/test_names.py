"""Names of keys in every form, domains, and paths."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from libipld import encode_multibase

from ipwhl_mirror.ipld.cid import DAG_PB, Cid
from ipwhl_mirror.ipld.errors import InvalidName
from ipwhl_mirror.ipld.names import DnsName, KeyName, parse_name, parse_path
from tests.simulators.ipns import new_key

BASE36 = "k51qzi5uqu5dlmynpa47dcbfn7fakjxugwc2orsvjfuqoum2iik2mei8doiedi"
PEER_ID = "12D3KooWQYhTNQdmr3ArTeUHRYzFg94BKyTkoWBDWez9kSCVe2Xo"
CID = Cid.of(b"a release", DAG_PB)


def test_all_forms_of_a_key_are_one_name() -> None:
    """It is written in base 36; in a domain's place only that and base 32 fit."""
    name = parse_name(BASE36)
    assert parse_name(PEER_ID) == name
    assert isinstance(name, KeyName)
    assert str(name) == BASE36
    for base in "bzfu":
        assert parse_name(encode_multibase(base, b"\x01\x72" + name.multihash)) == name
    assert encode_multibase("b", b"\x01\x72" + name.multihash).startswith("bafz")


def test_an_ed25519_key_stands_in_its_name() -> None:
    """32 bytes; an RSA key does not."""
    key = new_key()
    assert key.name.ed25519 == key.private.public_key().public_bytes_raw()
    rsa = parse_name("Qmaisz6NMhDB51cCvNWa1GMS7LU1pAxdF4Ld6Ft9kZEP2a")
    assert isinstance(rsa, KeyName)
    assert rsa.ed25519 is None
    assert parse_name(str(rsa)) == rsa


@pytest.mark.parametrize(
    ("text", "domain"),
    [
        ("example.org", "example.org"),
        ("Releases.Example.ORG.", "releases.example.org"),
        ("_dnslink.xn--bcher-kva.example", "_dnslink.xn--bcher-kva.example"),
    ],
)
def test_domains(text: str, domain: str) -> None:
    """In lower case, without the dot at the end."""
    assert parse_name(text) == DnsName(domain)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "k",
        "localhost",
        "example..org",
        "-a.org",
        "a-.org",
        f"{'a' * 64}.org",
        f"{'a.' * 127}org",
        "exämple.org",
        "example.org/x",
        "example.org?x",
        "..",
        "user@example.org",
        "example.org:80",
        "a.org\n",
        "\x1b[2J.org",
        str(CID),
        str(CID.as_raw()),
        BASE36[:-1],
        BASE36 + "a",
        PEER_ID[:-1],
        "0" * 60,
    ],
)
def test_what_is_no_name(text: str) -> None:
    """The words hold it in printable ASCII."""
    with pytest.raises(InvalidName) as caught:
        parse_name(text)
    assert str(caught.value).isascii()
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("path", "target"),
    [
        (f"/ipfs/{CID}", CID),
        (f"/ipfs/{CID}/", CID),
        (f"/ipfs/{CID.as_version(0)}", CID.as_version(0)),
        ("/ipns/example.org", DnsName("example.org")),
        (f"/ipns/{PEER_ID}/", parse_name(BASE36)),
    ],
)
def test_paths(path: str, target: object) -> None:
    """To a CID as it is written, or to a name."""
    assert parse_path(path) == target


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("", "no path"),
        (str(CID), "no path"),
        (f"ipfs/{CID}", "no path"),
        ("/ipfs/", "no path"),
        (f"/ipld/{CID}", "no path"),
        (f"//ipfs/{CID}", "no path"),
        (f"/ipfs/{CID}/2026.11", "leads into a directory"),
        (f"/ipfs/{CID}//", "leads into a directory"),
        ("/ipns/example.org/x", "leads into a directory"),
        ("/ipfs/bafkqaddwgevxmmraojswg33smq", "names no CID"),
        ("/ipns/nobody", "no DNS name"),
        ("/ipfs/\x1b]0;x\x07", "names no CID"),
    ],
)
def test_what_is_no_path(path: str, words: str) -> None:
    """With the reason in printable ASCII."""
    with pytest.raises(InvalidName, match=words) as caught:
        parse_path(path)
    assert str(caught.value).isascii()
    assert str(caught.value).isprintable()


@given(st.text(max_size=80))
def test_foreign_text(text: str) -> None:
    """It is a name that reads back as itself, or refused."""
    for parse in (parse_name, parse_path):
        try:
            read = parse(text)
        except InvalidName:
            continue
        if isinstance(read, KeyName | DnsName):
            assert parse_name(str(read)) == read
