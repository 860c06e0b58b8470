"""Signatures by the real ssh-keygen: good ones, and every way in which one is not."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipwhl_mirror.sources.errors import KeyUnusable, NotTrusted, SourceMalformed
from ipwhl_mirror.sources.keys import NAMESPACE, read_keys, read_signature
from ipwhl_mirror.sources.signing import check_signature, sign

if TYPE_CHECKING:
    from pathlib import Path

needs_ssh_keygen = pytest.mark.skipif(
    shutil.which("ssh-keygen") is None, reason="ssh-keygen is not installed"
)
DATA = b'{"label": "2026.11"}'


def make_key(path: Path, kind: str = "ed25519") -> Path:
    subprocess.run(
        ["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", "made for a test", "-f", str(path)], check=True
    )
    return path


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_key(tmp_path_factory.mktemp("key") / "id")


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_key(tmp_path_factory.mktemp("other") / "id", "ecdsa")


def public(key: Path) -> str:
    return key.with_suffix(".pub").read_text()


def fingerprint(key: Path) -> str:
    told = subprocess.run(
        ["ssh-keygen", "-l", "-f", str(key.with_suffix(".pub"))], check=True, capture_output=True, text=True
    )
    return told.stdout.split()[1]


def foreign_signature(key: Path, namespace: str) -> str:
    signed = subprocess.run(
        ["ssh-keygen", "-Y", "sign", "-n", namespace, "-f", str(key)],
        input=DATA,
        check=True,
        capture_output=True,
    )
    return signed.stdout.decode()


@needs_ssh_keygen
async def test_what_we_sign_we_accept(key: Path, other: Path) -> None:
    """The fingerprint is that of ssh-keygen, and the public half among others is enough to check."""
    armored = await sign(DATA, key)
    keys = read_keys(public(other) + public(key))
    assert await check_signature(DATA, armored, keys, NAMESPACE) == fingerprint(key)
    assert keys[1].fingerprint == fingerprint(key)


@needs_ssh_keygen
@pytest.mark.parametrize("options", ["", f'namespaces="{NAMESPACE}" ', 'valid-after="20200101" '])
async def test_allowed_signers_lines_are_taken_as_they_are(key: Path, options: str) -> None:
    """With the principal and the options they have."""
    keys = read_keys(f"# ours\n\nalice@example.org {options}{public(key)}")
    assert await check_signature(DATA, await sign(DATA, key), keys, NAMESPACE) == fingerprint(key)


@needs_ssh_keygen
@pytest.mark.parametrize(
    ("options", "words"),
    [
        ('valid-before="20200101" ', "not valid now"),
        ('valid-after="20990101" ', "not valid now"),
        ('namespaces="git" ', "not of this statement|not valid now"),
    ],
)
async def test_a_key_that_may_not_sign_now_is_refused(key: Path, options: str, words: str) -> None:
    """Expired, not valid yet, or for another purpose."""
    keys = read_keys(f"alice {options}{public(key)}")
    with pytest.raises(NotTrusted, match=words):
        await check_signature(DATA, await sign(DATA, key), keys, NAMESPACE)


@needs_ssh_keygen
async def test_what_was_not_signed_is_refused(key: Path, other: Path) -> None:
    """Other bytes, another key, another namespace, no key at all."""
    armored, keys = await sign(DATA, key), read_keys(public(key))
    with pytest.raises(NotTrusted, match="not of this statement"):
        await check_signature(DATA + b" ", armored, keys, NAMESPACE)
    with pytest.raises(NotTrusted, match="not accepted") as refused:
        await check_signature(DATA, await sign(DATA, other), keys, NAMESPACE)
    assert refused.value.details == (f"accepted: {fingerprint(key)}",)
    for namespace in ("git", "file"):
        with pytest.raises(NotTrusted, match=namespace):
            await check_signature(DATA, foreign_signature(key, namespace), keys, NAMESPACE)
    with pytest.raises(NotTrusted, match="not accepted"):
        await check_signature(DATA, armored, (), NAMESPACE)


@needs_ssh_keygen
async def test_a_damaged_signature_is_refused(key: Path) -> None:
    """Whatever byte of it is another."""
    armored, keys = await sign(DATA, key), read_keys(public(key))
    lines = armored.splitlines()
    for number in range(1, len(lines) - 1):
        line = lines[number]
        changed = line[:10] + ("A" if line[10] != "A" else "B") + line[11:]
        text = "\n".join([*lines[:number], changed, *lines[number + 1 :]]) + "\n"
        with pytest.raises((NotTrusted, SourceMalformed)):
            await check_signature(DATA, text, keys, NAMESPACE)


@needs_ssh_keygen
async def test_a_key_that_cannot_sign_is_told(tmp_path: Path) -> None:
    """No file, no key in it; the words name it."""
    (tmp_path / "empty").write_text("nothing")
    for name in ("missing", "empty"):
        with pytest.raises(KeyUnusable, match=name):
            await sign(DATA, tmp_path / name)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no key"),
        ("# only a remark\n", "no key"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----\n", "private key"),
        ("ssh-ed25519", "line 1"),
        ("ssh-ed25519 AAAA", "not of the type"),
        ("ssh-ed25519 A===A", "base64"),
        ("ssh-dss AAAAB3NzaC1kc3MAAAA", "line 1"),
        ("<html>", "line 1"),
        ("\x1b[2J", r"\\x1b"),
    ],
)
def test_what_is_no_key_is_told(text: str, words: str) -> None:
    """By its line, in words that are safe to show."""
    with pytest.raises(KeyUnusable, match=words):
        read_keys(text)


@given(st.text())
def test_any_text_is_keys_or_refused(text: str) -> None:
    """Nothing else comes out of it."""
    try:
        read_keys(text)
    except KeyUnusable as error:
        assert str(error).isprintable()


@given(st.binary())
def test_any_signature_is_read_or_refused(blob: bytes) -> None:
    """With or without its armor."""
    import base64

    armor = f"-----BEGIN SSH SIGNATURE-----\n{base64.b64encode(b'SSHSIG' + blob).decode()}\n"
    for text in (blob.decode("latin-1"), armor + "-----END SSH SIGNATURE-----"):
        try:
            read_signature(text)
        except SourceMalformed as error:
            assert str(error).isprintable()
