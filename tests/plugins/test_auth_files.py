"""Files that hold secrets: for their owner alone from the first byte, found without following links, replaced whole."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from pinflow import App, CredentialError, CredentialRequest
from pinflow_auth import files
from pinflow_auth.refresh import refresh
from pinflow_auth.store import find_tokens, fingerprint, save_tokens
from pinflow_auth.tokens import TokenSet
from pinflow_pinterest_v5.api import API

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

if sys.platform == "win32":
    pytest.skip("modes and links are those of POSIX", allow_module_level=True)

FULL = os.environ.get("PINFLOW_FULL") == "1"
TOKENS = TokenSet(name="t", access_token="a-secret", refresh_token="r-secret")


def store(request: CredentialRequest) -> TokenSet:
    return save_tokens(request, TOKENS)


WORK = (find_tokens, store)


def ask(folder: Path) -> CredentialRequest:
    return CredentialRequest(api=API, token="t", scopes=frozenset(), environ={}, folders=[folder])


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


@contextmanager
def umask(value: int) -> Iterator[None]:
    before = os.umask(value)
    try:
        yield
    finally:
        os.umask(before)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "tokens"
    made.mkdir(mode=0o700)
    return made


@pytest.mark.parametrize("mask", [0o000, 0o002, 0o022, 0o077, 0o277, 0o777])
def test_token_files_are_private_with_any_umask(tmp_path: Path, mask: int) -> None:
    with umask(mask):
        save_tokens(ask(tmp_path / "new"), TOKENS)
        found = find_tokens(ask(tmp_path / "new"))
    assert found is not None
    assert mode(tmp_path / "new") == 0o700
    assert {each.name: mode(each) & 0o177 for each in (tmp_path / "new").iterdir()} == {"t.json": 0, "t.lock": 0}
    assert mode(tmp_path / "new" / "t.json") == 0o600


def test_a_file_is_never_wider_not_even_at_birth(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    real = os.open

    def watching(path: str | Path, flags: int, *rest: int, **named: int) -> int:
        descriptor = real(path, flags, *rest, **named)
        if flags & os.O_CREAT:
            seen.append(stat.S_IMODE(os.fstat(descriptor).st_mode))
        return descriptor

    monkeypatch.setattr(os, "open", watching)
    with umask(0):
        save_tokens(ask(folder), TOKENS)
    assert set(seen) == {0o600}


@pytest.mark.parametrize("wide", [0o601, 0o602, 0o604, 0o610, 0o620, 0o640, 0o644, 0o660, 0o666, 0o777])
def test_a_file_that_others_can_get_at_is_refused_with_the_command_that_helps(folder: Path, wide: int) -> None:
    path = folder / "t.json"
    path.write_text('{"access_token": "a-secret"}')
    path.chmod(wide)
    with pytest.raises(CredentialError, match=rf"\(mode {wide:o}\)") as caught:
        find_tokens(ask(folder))
    assert caught.value.hint == f"chmod 600 {path}"


@pytest.mark.parametrize("fine", [0o400, 0o600, 0o700])
def test_a_file_of_its_owner_alone_is_read(folder: Path, fine: int) -> None:
    path = folder / "t.json"
    path.write_text('{"access_token": "a-secret"}')
    path.chmod(fine)
    assert find_tokens(ask(folder)) is not None


@pytest.mark.parametrize("fine", [0o700, 0o755, 0o775])
def test_a_folder_in_which_only_some_may_write_is_used(folder: Path, fine: int) -> None:
    folder.chmod(fine)
    save_tokens(ask(folder), TOKENS)
    assert find_tokens(ask(folder)) is not None


@pytest.mark.parametrize("work", WORK)
@pytest.mark.parametrize("wide", [0o777, 0o1777, 0o703, 0o702])
def test_a_folder_in_which_anybody_may_write_is_refused(
    folder: Path, work: Callable[[CredentialRequest], object], wide: int
) -> None:
    save_tokens(ask(folder), TOKENS)
    folder.chmod(wide)
    with pytest.raises(CredentialError, match="other users can replace files in") as caught:
        work(ask(folder))
    assert caught.value.hint.endswith(f"chmod 700 {folder}")


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give files away")
@pytest.mark.parametrize("work", WORK)
@pytest.mark.parametrize("what", ["file", "folder"])
def test_a_file_of_another_user_is_refused(
    folder: Path, work: Callable[[CredentialRequest], object], what: str
) -> None:
    path = folder / "t.json"
    path.write_text('{"access_token": "a-secret"}')
    path.chmod(0o600)
    os.chown(path if what == "file" else folder, 12345, 12345)
    with pytest.raises(CredentialError, match="belongs to another user") as caught:
        work(ask(folder))
    assert f"chown 0 {path if what == 'file' else folder}" in caught.value.hint
    assert "a-secret" in path.read_text()


@pytest.mark.parametrize("work", WORK)
@pytest.mark.parametrize("change", [0o606, 0o660, 0o620])
def test_what_others_can_change_ends_as_a_state_that_they_can_change(
    folder: Path, work: Callable[[CredentialRequest], object], change: int
) -> None:
    path = folder / "t.json"
    path.write_text('{"access_token": "a-secret"}')
    path.chmod(change)
    with pytest.raises(CredentialError, match="is open to other users") as caught:
        find_tokens(ask(folder))
    assert caught.value.exit_code == 8
    path.chmod(0o600)
    folder.parent.chmod(0o777)
    with pytest.raises(CredentialError, match="everybody may write to it") as caught:
        work(ask(folder))
    assert caught.value.exit_code == 8
    assert f"chmod go-w {folder.parent}" in caught.value.hint


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Path]:
    """A folder on a mount of its own, as secrets of containers are; read-only once it is remounted."""
    place = tmp_path / "mounted"
    place.mkdir(mode=0o755)
    mount = shutil.which("mount")
    if mount is None or subprocess.run([mount, "-t", "tmpfs", "-o", "mode=755", "none", place], check=False).returncode:
        pytest.skip("nothing can be mounted here")
    try:
        yield place
    finally:
        subprocess.run(["umount", place], check=True)


def test_secrets_on_a_read_only_mount_may_be_links_and_readable_by_others(mounted: Path) -> None:
    version = mounted / "..2026_12_01"
    version.mkdir()
    (version / "t.json").write_text('{"access_token": "a-secret"}')
    (version / "t.json").chmod(0o644)
    (mounted / "..data").symlink_to(version.name)
    (mounted / "t.json").symlink_to("..data/t.json")
    with pytest.raises(CredentialError, match="is a link"):
        find_tokens(ask(mounted))
    subprocess.run(["mount", "-o", "remount,ro", mounted], check=True)
    found = find_tokens(ask(mounted))
    assert found is not None
    assert found.access_token == "a-secret"
    assert found.source == f"file {mounted / 't.json'}, which others can read"


@pytest.mark.parametrize("mode", [0o644, 0o440, 0o400])
def test_secrets_as_kubernetes_mounts_them_are_read(mounted: Path, mode: int) -> None:
    """The volume is everybody's to write to by its mode, 1777, and read-only by its mount."""
    version = mounted / "..2026_12_01_05_30_00.1234"
    version.mkdir(mode=0o755)
    (version / "t.json").write_text('{"access_token": "a-secret"}')
    (version / "t.json").chmod(mode)
    (mounted / "..data").symlink_to(version.name)
    (mounted / "t.json").symlink_to("..data/t.json")
    mounted.chmod(0o1777)
    with pytest.raises(CredentialError, match="is a link; links are not followed") as caught:
        find_tokens(ask(mounted))
    assert "links are followed on a read-only mount" in caught.value.hint
    subprocess.run(["mount", "-o", "remount,ro", mounted], check=True)
    found = find_tokens(ask(mounted))
    assert found is not None
    assert found.access_token == "a-secret"
    assert ("which others can read" in found.source) == bool(mode & 0o044)


def test_a_file_of_somebody_else_on_a_read_only_mount_is_not_believed(mounted: Path) -> None:
    (mounted / "t.json").write_text('{"access_token": "a-secret"}')
    os.chown(mounted / "t.json", 12_345, 12_345)
    mounted.chmod(0o1777)
    subprocess.run(["mount", "-o", "remount,ro", mounted], check=True)
    with pytest.raises(CredentialError, match="belongs to another user"):
        find_tokens(ask(mounted))


def test_a_folder_above_a_read_only_mount_is_looked_at_all_the_same(mounted: Path) -> None:
    (mounted / "t.json").write_text('{"access_token": "a-secret"}')
    subprocess.run(["mount", "-o", "remount,ro", mounted], check=True)
    mounted.parent.chmod(0o777)
    with pytest.raises(CredentialError, match="everybody may write to it"):
        find_tokens(ask(mounted))
    mounted.parent.chmod(0o700)
    assert find_tokens(ask(mounted)) is not None


def test_a_token_on_a_read_only_mount_that_must_be_refreshed_says_that_it_can_not_be_stored(mounted: Path) -> None:
    (mounted / "t.json").write_text('{"access_token": "a-secret", "refresh_token": "another-secret"}')
    (mounted / "t.json").chmod(0o600)
    subprocess.run(["mount", "-o", "remount,ro", mounted], check=True)
    with pytest.raises(
        CredentialError, match=r"nothing can be stored in .*: Read-only file system; nothing was changed"
    ):
        refresh(ask(mounted))


@pytest.mark.parametrize(
    "encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8"], ids=lambda name: str(name)
)
def test_a_file_as_editors_and_shells_of_windows_write_it_is_read(folder: Path, encoding: str) -> None:
    path = folder / "t.json"
    path.write_bytes('{"access_token": "a-secret", "account": "gärten"}\r\n'.encode(encoding))
    path.chmod(0o600)
    found = find_tokens(ask(folder))
    assert found is not None
    assert (found.access_token, found.account) == ("a-secret", "gärten")


@pytest.mark.parametrize("content", [b"\xff\xfe{", b"\xef\xbb\xbf", b"\xff\xfe\x00\xd8", b"\xfe\xff\x00", b"{\xe4}"])
def test_a_file_that_is_cut_or_in_another_encoding_is_no_json(folder: Path, content: bytes) -> None:
    path = folder / "t.json"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(CredentialError, match=r"is not JSON|is empty") as caught:
        find_tokens(ask(folder))
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("key", ["access_token", "refresh_token"])
@pytest.mark.parametrize("quotes", ['""', "''", "``", "\u201c\u201d", "\u201e\u201c"])
def test_quotation_marks_around_a_token_are_told(folder: Path, key: str, quotes: str) -> None:
    path = folder / "t.json"
    path.write_text(json.dumps({"access_token": "a-secret", key: f"{quotes[0]}b-secret{quotes[1]}"}), "utf-8")
    path.chmod(0o600)
    with pytest.raises(CredentialError, match="begins and ends with quotation marks") as caught:
        find_tokens(ask(folder))
    assert f"{key} in the file {path}" in caught.value.message
    assert "secret" not in str(caught.value)


def test_a_link_on_a_read_only_mount_to_what_others_can_change_is_refused(mounted: Path, folder: Path) -> None:
    (folder / "real.json").write_text('{"access_token": "a-secret"}')
    (folder / "real.json").chmod(0o600)
    (mounted / "t.json").symlink_to(folder / "real.json")
    subprocess.run(["mount", "-o", "remount,ro", mounted], check=True)
    with pytest.raises(CredentialError, match="is a link"):
        find_tokens(ask(mounted))


@pytest.mark.parametrize("kind", ["link", "dangling link", "folder", "pipe"])
def test_links_folders_and_pipes_are_never_overwritten(folder: Path, tmp_path: Path, kind: str) -> None:
    path, elsewhere = folder / "t.json", tmp_path / "elsewhere"
    match kind:
        case "link":
            elsewhere.write_text("untouched")
            path.symlink_to(elsewhere)
        case "dangling link":
            path.symlink_to(elsewhere)
        case "folder":
            path.mkdir()
        case "pipe":
            os.mkfifo(path)
    before = path.lstat()
    with pytest.raises(CredentialError, match="is not a regular file and isn't replaced"):
        save_tokens(ask(folder), TOKENS)
    assert path.lstat().st_ino == before.st_ino
    assert not elsewhere.exists() or elsewhere.read_text() == "untouched"


def test_a_hard_link_is_replaced_and_its_other_name_keeps_what_it_had(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text("untouched")
    (folder / "t.json").hardlink_to(other)
    save_tokens(ask(folder), TOKENS)
    assert other.read_text() == "untouched"
    assert find_tokens(ask(folder)) is not None


@pytest.mark.parametrize("kind", ["link", "folder", "pipe"])
def test_a_lock_that_is_no_file_is_refused(folder: Path, tmp_path: Path, kind: str) -> None:
    lock = folder / "t.lock"
    match kind:
        case "link":
            lock.symlink_to(tmp_path / "elsewhere")
        case "folder":
            lock.mkdir()
        case "pipe":
            os.mkfifo(lock)
    with pytest.raises(CredentialError):
        save_tokens(ask(folder), TOKENS)
    assert not (tmp_path / "elsewhere").exists()


def test_a_file_swapped_for_links_again_and_again_is_never_followed(folder: Path, tmp_path: Path) -> None:
    bait = tmp_path / "bait"
    bait.write_text('{"access_token": "bait"}')
    bait.chmod(0o600)
    path = folder / "t.json"
    good = folder / "good"
    stop = threading.Event()

    def swap() -> None:
        while not stop.is_set():
            link = folder / "link"
            link.symlink_to(bait)
            link.rename(path)
            good.write_text('{"access_token": "good"}')
            good.chmod(0o600)
            good.rename(path)
            for _ in range(5):  # it stays for as long as the link does: else a busy machine may never find it
                path.stat()

    swapper = threading.Thread(target=swap)
    swapper.start()
    met = {"good": 0, "refused": 0}
    try:
        for _ in range(10_000 if FULL else 1_000):
            try:
                found = find_tokens(ask(folder))
            except CredentialError as error:
                assert "is a link" in error.message or "can't be read" in error.message
                met["refused"] += 1
            else:
                assert found is None or found.access_token == "good"
                met["good"] += 1
    finally:
        stop.set()
        swapper.join()
    assert all(met.values())


def test_only_temporary_files_of_killed_processes_are_removed(folder: Path) -> None:
    mine = folder / f".t.{'0123456789abcdef'}.tmp"
    others = [folder / name for name in (".t.v5.0123456789abcdef.tmp", ".t.tmp", "t.tmp", ".u.0123456789abcdef.tmp")]
    for each in [mine, *others]:
        each.write_text("left")
    save_tokens(ask(folder), TOKENS)
    assert not mine.exists()
    assert all(each.exists() for each in others)


def test_a_lock_is_one_for_all_threads(folder: Path) -> None:
    inside: list[int] = []
    most: list[int] = []

    def work(number: int) -> None:
        for _ in range(20):
            with files.lock_tokens(folder / "t.json"):
                inside.append(number)
                most.append(len(inside))
                inside.remove(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(most) == 160
    assert set(most) == {1}


@pytest.mark.parametrize(("kind", "fine"), [("nfs4", False), ("cifs", False), ("9p", False), ("ext4", True)])
def test_a_folder_of_another_machine_is_refused(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, fine: bool
) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(f"/dev/root / ext4 rw 0 0\nserver:/x {folder} {kind} rw 0 0\n")
    monkeypatch.setattr(files, "_MOUNTS", mounts)
    if fine:
        save_tokens(ask(folder), TOKENS)
        return
    with pytest.raises(CredentialError, match=f"network filesystem \\({kind}\\)") as caught:
        save_tokens(ask(folder), TOKENS)
    assert caught.value.hint == "keep token files in a folder on this machine"


def test_a_draft_without_content_goes_away_and_leaves_the_old(folder: Path) -> None:
    path = folder / "t.json"
    files.write(path, b"old")
    with files.open_replacement(path):
        assert len(list(folder.iterdir())) == 2
    assert path.read_bytes() == b"old"
    assert list(folder.iterdir()) == [path]


def test_a_content_bigger_than_the_room_taken_is_written_whole(folder: Path) -> None:
    path = folder / "t.json"
    files.write(path, b"x" * 3 * files.RESERVED_BYTES)
    assert path.read_bytes() == b"x" * 3 * files.RESERVED_BYTES


def test_a_fingerprint_is_keyed_and_the_same_every_time(tmp_path: Path) -> None:
    first, second = (App.installed({}, state=tmp_path / name) for name in ("one", "two"))
    mark = fingerprint("a-secret", first)
    assert len(mark) == 8
    assert int(mark, 16) >= 0
    assert fingerprint("a-secret", first) == mark
    assert fingerprint("b-secret", first) != mark
    assert fingerprint("a-secret", second) != mark
    assert mode(tmp_path / "one" / "fingerprint.key") == 0o600
    assert (tmp_path / "one" / "fingerprint.key").stat().st_size == 32


def test_a_saved_token_is_read_back_equal(folder: Path) -> None:
    save_tokens(ask(folder), TOKENS)
    assert json.loads((folder / "t.json").read_text())["refresh_token"] == "r-secret"
