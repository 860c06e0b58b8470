"""Names that stand for a CID for a while: IPNS keys, and DNS names with a DNSLink.

A key's name is the multihash of a public key, written as CIDv1 libp2p-key in any multibase (`k51...`,
`bafz...`) or as a bare multihash in base58btc (`12D3Koo...`, `Qm...`); all forms of one key are equal. Keys
of 42 bytes or less, as Ed25519 ones, stand in the name itself.

Spec: https://specs.ipfs.tech/ipns/ipns-record/#ipns-name, https://dnslink.dev
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from libipld import decode_multibase, encode_multibase

from ipwhl_mirror.ipld.cid import Cid
from ipwhl_mirror.ipld.errors import InvalidCid, InvalidName

_CIDV1_LIBP2P_KEY = b"\x01\x72"
_IDENTITY_ED25519 = b"\x00\x24\x08\x01\x12\x20"
"""Multihash identity of 36 bytes, and the protobuf message of an Ed25519 key that these are."""
_SHA2_256 = b"\x12\x20"
_BARE = ("12D3Koo", "Qm")
_MAX_TEXT = 253
_DNS_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_DNS = re.compile(rf"{_DNS_LABEL}(?:\.{_DNS_LABEL})+")
_SHOWN = 100


@dataclass(frozen=True, slots=True)
class KeyName:
    """The name of a key.

    Attributes:
        multihash: of its public key.
    """

    multihash: bytes

    @property
    def ed25519(self) -> bytes | None:
        """The public key, 32 bytes; None for one of another kind."""
        is_one = self.multihash.startswith(_IDENTITY_ED25519)
        return self.multihash[len(_IDENTITY_ED25519) :] if is_one else None

    def __str__(self) -> str:
        return encode_multibase("k", _CIDV1_LIBP2P_KEY + self.multihash)


@dataclass(frozen=True, slots=True)
class DnsName:
    """A domain whose DNSLink says where it points; lower case, ASCII."""

    text: str

    def __str__(self) -> str:
        return self.text


Name = KeyName | DnsName


def parse_name(text: str) -> Name:
    """Read a name, without the `/ipns/` before it.

    Raises:
        InvalidName: it is neither a key's nor a domain.
    """
    if not text.isascii() or not 2 <= len(text) <= _MAX_TEXT:
        raise _no_name(text)
    if "." in text:
        domain = text.lower().removesuffix(".")
        if not _DNS.fullmatch(domain):
            raise _no_name(text)
        return DnsName(domain)
    try:
        data = decode_multibase("z" + text if text.startswith(_BARE) else text)[1]
    except ValueError as error:
        raise _no_name(text) from error
    multihash = data if text.startswith(_BARE) else data.removeprefix(_CIDV1_LIBP2P_KEY)
    is_key = text.startswith(_BARE) or data.startswith(_CIDV1_LIBP2P_KEY)
    if not is_key or not _is_multihash(multihash):
        raise _no_name(text)
    return KeyName(multihash)


def parse_path(text: str) -> Cid | Name:
    """Read where a name points: `/ipfs/CID` or `/ipns/NAME`, and nothing below it.

    Raises:
        InvalidName: it is something else, or leads into a directory.
    """
    empty, namespace, target, *rest = [*text.split("/", 3), "", "", ""][:4]
    if empty or namespace not in ("ipfs", "ipns") or not target:
        raise InvalidName(f"{text[:_SHOWN]!a} is no path to a CID or a name")
    if any(rest):
        raise InvalidName(f"{text[:_SHOWN]!a} leads into a directory, where a release is expected")
    if namespace == "ipns":
        return parse_name(target)
    try:
        return Cid.parse(target)
    except InvalidCid as error:
        raise InvalidName(f"{text[:_SHOWN]!a} names no CID that a release could have") from error


def _is_multihash(data: bytes) -> bool:
    if data.startswith(_SHA2_256):
        return len(data) == 34
    return len(data) > 2 and data[0] == 0 and data[1] == len(data) - 2 <= 42


def _no_name(text: str) -> InvalidName:
    return InvalidName(f"{text[:_SHOWN]!a} is no IPNS key (k51..., 12D3Koo...) and no DNS name")
