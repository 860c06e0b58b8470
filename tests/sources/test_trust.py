"""What an announcement is worth: rollback, freeze, fast-forward, split view, moved labels, clocks."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipwhl_mirror.ipld.cid import DAG_PB, Cid
from ipwhl_mirror.sources.announcements import Announcement
from ipwhl_mirror.sources.errors import NotTrusted
from ipwhl_mirror.sources.keys import AcceptedKey
from ipwhl_mirror.sources.trust import (
    MOST_AHEAD,
    SourceTrust,
    Standing,
    accept,
    frozen,
    judge,
    newest,
    renews,
    seen,
)
from ipwhl_mirror.sources.trust_file import TrustFile

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
KEY = AcceptedKey(
    "publisher ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
)
FRESH = SourceTrust(name="campus", url="https://example.org/feed.json", keys=(KEY,))


def release(sequence: int, label: str | None = None, **changes: object) -> Announcement:
    """A signed announcement."""
    said = Announcement(
        repository="lab",
        sequence=sequence,
        label=label or f"r{sequence}",
        cid=Cid.of(f"release {sequence}".encode(), DAG_PB),
        published_at=NOW - timedelta(days=1),
        signer=KEY.fingerprint,
    )
    return replace(said, **changes)  # type: ignore[arg-type]


TENTH = accept(FRESH, release(10), NOW)


@pytest.mark.parametrize(
    ("trust", "said", "standing", "words"),
    [
        pytest.param(FRESH, release(10), Standing.NEW, "", id="the first"),
        pytest.param(FRESH, release(1 << 40), Standing.NEW, "", id="the first may have any sequence"),
        pytest.param(TENTH, release(10), Standing.CURRENT, "", id="the same again"),
        pytest.param(TENTH, release(11), Standing.NEW, "", id="the next"),
        pytest.param(TENTH, release(13), Standing.NEW, "", id="two were missed"),
        pytest.param(TENTH, release(9), Standing.OLDER, "rollback", id="rollback"),
        pytest.param(
            accept(TENTH, release(11), NOW), release(10), Standing.OLDER, "before", id="one of before"
        ),
        pytest.param(
            TENTH, release(10, "other"), Standing.REFUSED, "two things", id="two releases of one sequence"
        ),
        pytest.param(
            accept(TENTH, release(11), NOW),
            release(11, "r10", cid=release(10).cid),
            Standing.REFUSED,
            "two things",
            id="an old release under the newest sequence",
        ),
        pytest.param(
            TENTH,
            release(11, signed_as="r10"),
            Standing.REFUSED,
            "'r10': it was renamed",
            id="signed under another name",
        ),
        pytest.param(
            TENTH,
            release(11, "r10"),
            Standing.REFUSED,
            "moved",
            id="a label that was moved",
        ),
        pytest.param(
            TENTH,
            release(11, "r10", cid=release(10).cid),
            Standing.REFUSED,
            "was sequence",
            id="an old release as a new one",
        ),
        pytest.param(
            TENTH,
            release(11, "r10", signer=None),
            Standing.REFUSED,
            "moved",
            id="a label that was moved, unsigned",
        ),
        pytest.param(TENTH, release(10 + MOST_AHEAD + 1), Standing.REFUSED, "lock out", id="fast-forward"),
        pytest.param(TENTH, release(10 + MOST_AHEAD), Standing.NEW, "", id="as far ahead as may be"),
        pytest.param(TENTH, release(11, signer=None), Standing.UNSIGNED, "no accepted key", id="unsigned"),
        pytest.param(
            replace(FRESH, keys=()), release(11), Standing.UNSIGNED, "no accepted key", id="no key accepted"
        ),
        pytest.param(
            replace(FRESH, accepted=False), release(1), Standing.REFUSED, "not accepted", id="trust was lost"
        ),
        pytest.param(
            TENTH, release(11, repository="other"), Standing.REFUSED, "is of lab", id="another repository"
        ),
        pytest.param(
            TENTH, release(11, expires_at=NOW), Standing.REFUSED, "expired", id="expires this moment"
        ),
        pytest.param(
            TENTH, release(11, expires_at=NOW + timedelta(seconds=1)), Standing.NEW, "", id="about to expire"
        ),
        pytest.param(
            TENTH,
            release(11, published_at=NOW + timedelta(hours=1)),
            Standing.REFUSED,
            "yet to come",
            id="from the future",
        ),
    ],
)
def test_what_an_announcement_is_worth(
    trust: SourceTrust, said: Announcement, standing: Standing, words: str
) -> None:
    """Each way of lying about a release, and each that is none."""
    judgement = judge(trust, said, NOW)
    assert judgement.standing is standing
    assert words in judgement.reason


def test_a_clock_that_went_back_makes_nothing_new() -> None:
    """What was seen yesterday is not tomorrow's; minutes do not matter."""
    assert judge(TENTH, release(11), NOW - timedelta(minutes=5)).standing is Standing.NEW
    judgement = judge(TENTH, release(11), NOW - timedelta(hours=1))
    assert judgement.standing is Standing.REFUSED
    assert "clock" in judgement.reason


def test_time_does_not_go_back() -> None:
    """Asking a source is enough to remember how late it is."""
    later = seen(TENTH, NOW + timedelta(days=2))
    assert later.latest == NOW + timedelta(days=2)
    assert seen(later, NOW).latest == NOW + timedelta(days=2)


HOUR = timedelta(hours=1)
EXPIRING = accept(FRESH, release(10, expires_at=NOW + HOUR), NOW)


def test_the_newest_is_what_was_accepted_last() -> None:
    """Whatever came before, and nothing before anything."""
    assert newest(FRESH) is None
    assert newest(TENTH) == ("r10", release(10).cid)
    assert newest(accept(TENTH, release(11, "a"), NOW)) == ("a", release(11).cid)


@pytest.mark.parametrize(
    ("trust", "now", "is_frozen"),
    [
        pytest.param(FRESH, NOW, False, id="nothing accepted yet"),
        pytest.param(TENTH, NOW + 9999 * HOUR, False, id="it holds for ever"),
        pytest.param(EXPIRING, NOW, False, id="it holds"),
        pytest.param(EXPIRING, NOW + HOUR, True, id="it expires this moment"),
        pytest.param(seen(EXPIRING, NOW + 2 * HOUR), NOW, True, id="it had expired when the clock went back"),
        pytest.param(replace(EXPIRING, keys=()), NOW + HOUR, False, id="everything is a hint"),
        pytest.param(accept(EXPIRING, release(11), NOW), NOW + HOUR, False, id="the next one holds for ever"),
    ],
)
def test_what_has_expired_is_frozen(trust: SourceTrust, now: datetime, is_frozen: bool) -> None:
    """A source that says nothing newer before its newest release expires may be kept from it."""
    judgement = frozen(trust, now)
    assert (judgement is not None) is is_frozen
    if judgement is not None:
        assert judgement.standing is Standing.REFUSED
        assert judgement.reason == (
            "what was accepted last, r10, expired on 2026-11-23 13:00 UTC; the source says nothing newer"
        )


@pytest.mark.parametrize(
    ("said", "is_renewal"),
    [
        pytest.param(release(10, expires_at=NOW + 3 * HOUR), True, id="for longer"),
        pytest.param(release(10, expires_at=NOW + HOUR), False, id="as it was"),
        pytest.param(release(10, expires_at=NOW + HOUR / 2), False, id="for shorter"),
        pytest.param(release(10), False, id="for ever, as it may have been said before"),
        pytest.param(release(10, expires_at=NOW + 3 * HOUR, signer=None), False, id="unsigned"),
        pytest.param(release(11, expires_at=NOW + 3 * HOUR), False, id="another release"),
        pytest.param(
            release(10, expires_at=NOW + 3 * HOUR, published_at=NOW + 2 * HOUR), False, id="from the future"
        ),
    ],
)
def test_the_newest_release_may_be_signed_again(said: Announcement, is_renewal: bool) -> None:
    """That lets it hold for longer and changes nothing else; nothing lets it hold for less."""
    assert renews(EXPIRING, said, NOW) is is_renewal
    if is_renewal:
        later = accept(EXPIRING, said, NOW + HOUR / 2)
        assert later == replace(
            EXPIRING, expires_at=NOW + 3 * HOUR, latest=NOW + HOUR / 2, accepted_at=NOW + HOUR / 2
        )
        assert frozen(later, NOW + HOUR) is None
    elif said.sequence == 10 and said.signer is not None:
        assert accept(EXPIRING, said, NOW).expires_at == NOW + HOUR


def test_only_what_is_acceptable_is_accepted() -> None:
    """A caller that did not judge is stopped."""
    with pytest.raises(ValueError, match="r9"):
        accept(TENTH, release(9), NOW)


@given(st.lists(st.integers(1, 3000), max_size=30))
def test_the_accepted_sequence_never_falls(sequences: list[int]) -> None:
    """Whatever a source says in whatever order; and no label ever stands for a second CID."""
    trust = FRESH
    for sequence in sequences:
        said = release(sequence)
        if judge(trust, said, NOW).standing in (Standing.NEW, Standing.CURRENT):
            grown = accept(trust, said, NOW)
            assert grown.sequence >= trust.sequence
            assert grown.cids.items() >= trust.cids.items()
            trust = grown


def test_the_file_keeps_everything(tmp_path: Path) -> None:
    """Written and read again it is the same, and for its owner alone."""
    file = TrustFile(tmp_path / "data")
    assert file.read() == {}
    other = SourceTrust(name="other", url="/ipns/example.org", accepted=False)
    checked = replace(EXPIRING, checkpoint="a" * 40)
    file.write([checked, other])
    assert file.read() == {"campus": checked, "other": other}
    assert file.path.stat().st_mode & 0o777 == 0o600
    assert list(file.directory.iterdir()) == [file.path]


def test_a_file_of_before_is_read(tmp_path: Path) -> None:
    """It does not say until when the newest release holds."""
    file = TrustFile(tmp_path)
    file.write([EXPIRING])
    lines = file.path.read_text().splitlines()
    without = [line for line in lines if "expires_at" not in line]
    assert len(without) == len(lines) - 1
    text = "\n".join(without)
    file.path.write_text(re.sub(r",(\s*})", r"\1", text))
    assert file.read() == {"campus": replace(EXPIRING, expires_at=None)}


@pytest.mark.parametrize(
    "data",
    [b"", b"{}", b'{"schema": "ipwhl-mirror/trust/2", "sources": {}}', b"\xff\xfe", b'{"schema": 1}'],
)
def test_a_file_that_cannot_be_read_is_not_an_empty_one(tmp_path: Path, data: bytes) -> None:
    """It is refused, so that nothing is mirrored as if all were new."""
    file = TrustFile(tmp_path)
    file.path.write_bytes(data)
    file.path.chmod(0o600)
    with pytest.raises(NotTrusted, match=r"trust\.json"):
        file.read()


def test_a_file_that_others_may_write_is_refused(tmp_path: Path) -> None:
    """Whoever can write it could say what is trusted."""
    file = TrustFile(tmp_path)
    file.write([TENTH])
    file.path.chmod(0o620)
    with pytest.raises(NotTrusted, match="written by others"):
        file.read()
