"""A real git repository with tags signed by SSH keys, for tests; made and changed by git itself."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def make_key(path: Path, kind: str = "ed25519") -> Path:
    """An SSH key without a passphrase; its public half is beside it, `.pub`."""
    subprocess.run(
        ["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", "made for a test", "-f", str(path)], check=True
    )
    return path


def signature(text: str, key: Path, namespace: str) -> str:
    """Armored, by ssh-keygen, for this purpose."""
    signed = subprocess.run(
        ["ssh-keygen", "-Y", "sign", "-n", namespace, "-f", str(key)],
        input=text, check=True, capture_output=True, text=True,
    )  # fmt: skip
    return signed.stdout


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository in `path`; commits are empty, and all of one moment in the past."""

    path: Path

    @classmethod
    def make(cls, path: Path) -> Repository:
        """An empty one."""
        path.mkdir()
        repository = cls(path)
        repository.git("init", "--quiet", "--initial-branch=main")
        return repository

    @property
    def url(self) -> str:
        """Its address as a source."""
        return f"git+file://{self.path}"

    def git(self, *arguments: str, data: str | None = None) -> str:
        """Run git in it; gives what it prints."""
        environment = {
            "PATH": os.environ["PATH"],
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            "HOME": str(self.path),
            **{
                f"GIT_{who}_{what}": value
                for who in ("AUTHOR", "COMMITTER")
                for what, value in (
                    ("NAME", "Lab"),
                    ("EMAIL", "lab@example.org"),
                    ("DATE", "2024-11-20T10:00:00Z"),
                )
            },
        }
        run = subprocess.run(
            ["git", *arguments], cwd=self.path, env=environment, input=data, check=True,
            capture_output=True, text=True,
        )  # fmt: skip
        return run.stdout

    def commit(self, message: str = "a change") -> str:
        """A commit on the branch that is checked out; gives its id."""
        self.git("commit", "--quiet", "--allow-empty", "-m", message)
        return self.git("rev-parse", "HEAD").strip()

    def tag(self, name: str, message: str, key: Path | None) -> None:
        """An annotated tag of the last commit, signed by a key where one is given; a tag of the same name
        is replaced."""
        if key is None:
            self.git("tag", "--force", "--annotate", name, "-m", message)
            return
        signing = ("-c", "gpg.format=ssh", "-c", f"user.signingkey={key}")
        self.git(*signing, "tag", "--force", "--sign", name, "-m", message)

    def release(self, name: str, cid: str, key: Path | None) -> None:
        """A commit, and a tag of it that announces a CID."""
        self.commit(f"release {name}")
        self.tag(name, f"Release {name}\n\nIPFS: /ipfs/{cid}/\n", key)

    def release_for(self, namespace: str, name: str, cid: str, key: Path) -> None:
        """The same, signed as something that is no tag; git itself signs for `git` only."""
        self.release(name, cid, None)
        payload = self.git("cat-file", "tag", name)
        self.store_tag(name, payload + signature(payload, key, namespace))

    def store_tag(self, name: str, raw: str) -> None:
        """A ref to a tag object of these bytes, whatever they say."""
        object_id = self.git("hash-object", "-t", "tag", "-w", "--literally", "--stdin", data=raw).strip()
        self.git("update-ref", f"refs/tags/{name}", object_id)
