"""Public keys of publishers, and signatures as far as they can be read without checking them.

Keys come as an OpenSSH public key, or as an allowed_signers file (ssh-keygen(1), ALLOWED SIGNERS). What a
signature claims (key, namespace) is read only to say why one is refused; `signing` checks it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ipwhl_mirror.domain.display import safe_text
from ipwhl_mirror.sources.errors import KeyUnusable, SourceMalformed

if TYPE_CHECKING:
    from pathlib import Path

NAMESPACE = "ipwhl-release"
"""Of signatures of release statements (PROTOCOL.sshsig, 2): one made for anything else is not accepted."""

_KEY_TYPES = (
    "ssh-ed25519",
    "sk-ssh-ed25519@openssh.com",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ecdsa-sha2-nistp256@openssh.com",
    "ssh-rsa",
)
_TYPED = re.compile(rf"(?:^|\s)({'|'.join(map(re.escape, _KEY_TYPES))})\s+([A-Za-z0-9+/=]+)(?:\s|$)")
_PRINCIPAL = "publisher"
_ARMOR = re.compile(r"-----BEGIN SSH SIGNATURE-----\s([A-Za-z0-9+/=\s]+)-----END SSH SIGNATURE-----\s*")
_MAGIC = b"SSHSIG"
_MOST_KEYS = 64


@dataclass(frozen=True, slots=True)
class AcceptedKey:
    """A line of an allowed_signers file: principals, options, key."""

    line: str

    @property
    def fingerprint(self) -> str:
        """As ssh-keygen -l tells it: `SHA256:` and base64 without padding."""
        found = _TYPED.search(self.line)
        assert found is not None
        return fingerprint_of(base64.b64decode(found[2]))


@dataclass(frozen=True, slots=True)
class SignatureClaim:
    """What a signature says of itself; unchecked."""

    fingerprint: str
    namespace: str


def fingerprint_of(key: bytes) -> str:
    """The fingerprint of a public key in SSH's wire format."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(key).digest()).decode().rstrip("=")


def read_key_file(path: Path) -> tuple[AcceptedKey, ...]:
    """The keys of a file.

    Raises:
        KeyUnusable: it cannot be read, or see `read_keys`.
    """
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise KeyUnusable(f"{safe_text(str(path))}: {error.strerror}") from error
    return read_keys(text)


def read_keys(text: str) -> tuple[AcceptedKey, ...]:
    """The keys of a public key file or of an allowed_signers file.

    Raises:
        KeyUnusable: no key, too many, a private key, or a line that is neither.
    """
    if "PRIVATE KEY" in text:
        raise KeyUnusable("this is a private key", hint="give its public half, the file that ends in .pub")
    keys: list[AcceptedKey] = []
    for number, line in enumerate(text.splitlines(), start=1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        keys.append(_accepted(stripped, number))
    if not keys:
        raise KeyUnusable("there is no key in it", hint="an SSH public key, or an allowed_signers file")
    if len(keys) > _MOST_KEYS:
        raise KeyUnusable(f"{len(keys)} keys are more than {_MOST_KEYS}")
    return tuple(keys)


def _accepted(line: str, number: int) -> AcceptedKey:
    found = _TYPED.search(line)
    if found is None or not line.isascii() or not line.isprintable():
        raise KeyUnusable(
            f"line {number}: {safe_text(line, 60)!r} is no SSH public key and no allowed_signers line",
            hint=f"key types that are known: {', '.join(_KEY_TYPES)}",
        )
    try:
        key = base64.b64decode(found[2], validate=True)
    except binascii.Error as error:
        raise KeyUnusable(f"line {number}: the key is not base64") from error
    if not key.startswith(_string(found[1].encode())):
        raise KeyUnusable(f"line {number}: the key is not of the type {found[1]} that it says")
    if found.start(1) == 0:
        return AcceptedKey(f"{_PRINCIPAL} {found[1]} {found[2]}")
    return AcceptedKey(line)


def read_signature(armored: str) -> SignatureClaim:
    """Key and namespace that a signature names (PROTOCOL.sshsig, 3).

    Raises:
        SourceMalformed: it is no armored SSH signature.
    """
    found = _ARMOR.fullmatch(armored)
    if found is None:
        raise SourceMalformed("the signature is no armored SSH signature")
    try:
        blob = base64.b64decode("".join(found[1].split()), validate=True)
    except binascii.Error as error:
        raise SourceMalformed("the signature is not base64") from error
    if not blob.startswith(_MAGIC) or blob[6:10] != b"\0\0\0\1":
        raise SourceMalformed("the signature is no SSH signature of version 1")
    key, rest = _take(blob[10:])
    namespace, _ = _take(rest)
    return SignatureClaim(fingerprint_of(key), safe_text(namespace.decode("utf-8", "replace"), 80))


def _take(data: bytes) -> tuple[bytes, bytes]:
    length = int.from_bytes(data[:4])
    if len(data) < 4 + length:
        raise SourceMalformed("the signature is cut short")
    return data[4 : 4 + length], data[4 + length :]


def _string(value: bytes) -> bytes:
    return len(value).to_bytes(4) + value
