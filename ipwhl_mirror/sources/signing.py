"""Sign and check statements by `ssh-keygen -Y` (OpenSSH 8.2 or newer; PROTOCOL.sshsig).

The program is called with a bare environment, a deadline, and files of its own in a private directory. What
it prints is never shown as it is.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from ipwhl_mirror.domain.display import safe_text
from ipwhl_mirror.sources.errors import KeyUnusable, NotTrusted
from ipwhl_mirror.sources.keys import NAMESPACE, read_signature

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ipwhl_mirror.sources.keys import AcceptedKey

TRIAL = "ipwhl-mirror-trial"
"""The namespace of signatures that say nothing."""
_DEADLINE_S = 30.0
_PASSED_ON = (
    *("PATH", "HOME", "SSH_AUTH_SOCK", "SSH_SK_PROVIDER"),
    *("SSH_ASKPASS", "SSH_ASKPASS_REQUIRE", "DISPLAY", "WAYLAND_DISPLAY"),
)


async def check_signature(data: bytes, armored: str, keys: Sequence[AcceptedKey], namespace: str) -> str:
    """Make sure that one of the keys signed exactly these bytes for this purpose, and is valid now.

    Returns:
        the fingerprint of the key.

    Raises:
        NotTrusted: it was not; the words say why.
        SourceMalformed: that is no signature.
        KeyUnusable: there is no ssh-keygen.
    """
    claim = read_signature(armored)
    if claim.namespace != namespace:
        raise NotTrusted(f"it is signed for {claim.namespace!r}, not for {namespace!r}")
    if claim.fingerprint not in {key.fingerprint for key in keys}:
        raise NotTrusted(
            f"it is signed by {claim.fingerprint}, which is not accepted for this source",
            details=[f"accepted: {key.fingerprint}" for key in keys],
        )
    with tempfile.TemporaryDirectory(prefix="ipwhl-mirror-") as directory:
        signers, signature = Path(directory, "allowed_signers"), Path(directory, "signature")
        signers.write_text("".join(f"{key.line}\n" for key in keys), encoding="ascii")
        signature.write_text(armored, encoding="utf-8")
        files = ("-f", str(signers), "-s", str(signature))
        code, found = await _run("-Y", "find-principals", *files, data=b"")
        principals = found.decode("utf-8", "replace").splitlines()
        for principal in principals if code == 0 else ():
            verify = ("-Y", "verify", *files, "-I", principal, "-n", namespace)
            if (await _run(*verify, data=data))[0] == 0:
                return claim.fingerprint
    if code != 0:
        raise NotTrusted(f"the key {claim.fingerprint} is not valid now: expired, or not valid yet")
    raise NotTrusted(f"the signature of {claim.fingerprint} is not of this statement")


async def sign(data: bytes, key: Path, namespace: str = NAMESPACE) -> str:
    """An armored signature of these bytes.

    Args:
        key: a private key, or its public half while an agent has the other.
        namespace: what it is signed as; a release statement, unless another is given.

    Raises:
        KeyUnusable: it cannot sign.
    """
    code, output = await _run("-Y", "sign", "-n", namespace, "-f", str(key), data=data)
    if code != 0:
        complaint = safe_text(output.decode("utf-8", "replace").strip(), 200)
        raise KeyUnusable(
            f"{safe_text(str(key))} does not sign: {complaint}",
            hint="it must be an SSH private key, or its public half while ssh-agent has the private one",
        )
    return output.decode("ascii")


async def try_key(key: Path) -> str:
    """Find out whether a key signs, by a signature that is of no use to anybody.

    Returns:
        its fingerprint.

    Raises:
        KeyUnusable: it cannot sign.
    """
    return read_signature(await sign(b"does this key sign?\n", key, TRIAL)).fingerprint


async def _run(*arguments: str, data: bytes) -> tuple[int, bytes]:
    program = shutil.which("ssh-keygen")
    if program is None:
        raise KeyUnusable("ssh-keygen is not installed", hint="install OpenSSH's client (openssh-client)")
    process = await asyncio.create_subprocess_exec(
        program,
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=_environment(os.environ),
    )
    try:
        async with asyncio.timeout(_DEADLINE_S):
            output, complaint = await process.communicate(data)
    except TimeoutError as error:
        raise KeyUnusable(f"ssh-keygen did not answer in {_DEADLINE_S:.0f} s") from error
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    assert process.returncode is not None
    return process.returncode, output or complaint


def _environment(environ: Mapping[str, str]) -> dict[str, str]:
    return {"LC_ALL": "C", **{name: environ[name] for name in _PASSED_ON if name in environ}}
