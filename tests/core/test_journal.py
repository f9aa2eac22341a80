"""The journal remembers what a run did, keeps no content, and refuses what it can't trust."""

from __future__ import annotations

import errno
import os
import random
import sqlite3
import stat
import threading
from contextlib import closing, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from pinflow.clock import Clock
from pinflow.engine.safe_journal import SafeJournal
from pinflow.engine.sanitize import error_facts, sanitize
from pinflow.errors import RateLimited, RemoteError, StateError
from pinflow.state.folder.lock import Lock
from pinflow.state.folder.run_tables import RUN as FILE
from pinflow.state.folder.runs import FolderRuns
from pinflow.state.folder.sqlite import new_file, open_file
from pinflow.state.folder.store import Store
from pinflow.state.records import RunRecord, new_run_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pinflow.state.protocol import Journal

NOON = 1_795_608_000.0  # 2026-11-25 12:00 UTC
RUN = "20261125-120000-aaaaaa"
forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


class Time:
    """A clock that moves only when told."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def time() -> Time:
    return Time()


def record(run: str = RUN, **facts: Any) -> RunRecord:
    return RunRecord(
        run, "copy.yaml", "d1", "Copy a board", {"board": "813"}, {"api": "v5"}, {"pinflow": "1"}, NOON, **facts
    )


@pytest.fixture
def commits() -> list[str]:
    return []


@pytest.fixture
def journal(tmp_path: Path, time: Time, commits: list[str]) -> Iterator[Journal]:
    with runs(tmp_path, time, probe=commits.append).create(record()) as made:
        yield SafeJournal(made)


def runs(state: Path, time: Callable[[], float] = lambda: NOON, **more: Any) -> FolderRuns:
    return FolderRuns(state, Clock(time, time), **more)


def reopened(state: Path, run: str = RUN) -> SafeJournal:
    return SafeJournal(runs(state).open(run))


def intend(journal: Journal, key: str, step: str = "pins") -> None:
    journal.record_intent(step, key, kind="pin", method="POST", category="org_write", digest="0123456789abcdef")


def seen_by_others(state: Path, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(state / "runs" / f"{RUN}.db")) as connection:
        return connection.execute(query).fetchall()


def all_bytes(state: Path) -> bytes:
    return b"".join(file.read_bytes() for file in state.rglob("*") if file.is_file())


# remembering


def test_a_run_comes_back_as_it_was_left(tmp_path: Path, journal: Journal) -> None:
    journal.set_state(
        "paused", exit_code=6, error=error_facts(RateLimited("slow down", retry_after=9)), resume_after=NOON + 9
    )
    left = journal.run
    journal.close()
    assert left == record(
        state="paused",
        finished=NOON,
        exit_code=6,
        resume_after=NOON + 9,
        error="rate_limited, exit 6, HTTP 429",
    )
    with reopened(tmp_path) as again:
        assert again.run == left


def test_a_finished_step_is_remembered(tmp_path: Path, journal: Journal) -> None:
    journal.finish_step("target", "ok", {"id": "123", "name": "Garden ideas", "pin_count": 4}, seconds=1.5)
    journal.close()
    with reopened(tmp_path) as again:
        step = again.step("target")
        assert again.step("other") is None
    assert step is not None
    assert (step.status, step.output, step.seconds, step.error) == ("ok", {"id": "123", "pin_count": 4}, 1.5, "")


def test_a_failed_item_does_not_count_as_done(tmp_path: Path, journal: Journal) -> None:
    for key, status in (("1", "ok"), ("2", "skipped"), ("3", "failed")):
        journal.finish_item("pins", key, status)
    journal.close()
    with reopened(tmp_path) as again:
        assert [again.is_item_done("pins", key) for key in ("1", "2", "3", "4")] == [True, True, False, False]


def test_an_effect_goes_from_intent_to_its_outcome(journal: Journal) -> None:
    assert journal.effect("pins", "1") is None
    intend(journal, "1")
    before = journal.effect("pins", "1")
    journal.settle("pins", "1", "done", {"id": "77", "title": "Soup"})
    after = journal.effect("pins", "1")
    assert before is not None
    assert after is not None
    assert (before.state, before.attempts, before.sent_at, before.result) == ("intent", 1, NOON, None)
    assert (before.kind, before.method, before.digest) == ("pin", "POST", "0123456789abcdef")
    assert (after.state, after.attempts, after.result, after.adopted) == ("done", 1, {"id": "77"}, False)


def test_each_new_intent_is_one_more_attempt_but_a_further_request_of_it_is_none(journal: Journal, time: Time) -> None:
    intend(journal, "1")
    intend(journal, "1")
    time.now += 30
    journal.record_intent("pins", "1", kind="pin", method="POST", category="w", digest="d", again=True)
    effect = journal.effect("pins", "1")
    assert effect is not None
    assert (effect.attempts, effect.sent_at) == (2, NOON + 30)


def test_what_is_done_is_not_skipped_later(journal: Journal) -> None:
    journal.settle("pins", "1", "done", {"id": "77"}, kind="pin")
    journal.skip("pins", "1", "pin", "no image")
    journal.skip("pins", "2", "pin", "no image")
    effects = [journal.effect("pins", key) for key in ("1", "2")]
    assert [(effect.state, effect.error) for effect in effects if effect] == [("done", ""), ("skipped", "no image")]


def test_a_long_reason_is_kept_to_its_hundredth_character(journal: Journal) -> None:
    for key, length in (("1", 100), ("2", 101)):
        journal.skip("pins", key, "pin", "x" * length)
    effects = [journal.effect("pins", key) for key in ("1", "2")]
    assert [effect.error for effect in effects if effect] == ["x" * 100, "x" * 99 + "…"]


def test_results_are_the_done_effects_of_a_step_and_of_the_steps_inside_it(journal: Journal) -> None:
    for number, step in enumerate(("pins", "pins.sub", "pins[813].copied", "pins2", "pin", "pins-x")):
        journal.settle(step, str(number), "done", {"id": str(number)}, kind="pin")
    journal.settle("pins", "found", "adopted", {"id": "9"}, kind="pin")
    journal.settle("pins", "board", "done", {"id": "3"}, kind="board")
    journal.settle("pins", "bad", "refused", kind="pin")
    intend(journal, "open")
    assert list(journal.results("pins", kind="pin")) == [
        ("0", {"id": "0"}),
        ("found", {"id": "9"}),
        ("1", {"id": "1"}),
        ("2", {"id": "2"}),
    ]
    assert dict(journal.results("pins", kind="board")) == {"board": {"id": "3"}}


def test_more_results_than_are_read_at_a_time_come_once_each(journal: Journal) -> None:
    for number in range(1203):
        journal.settle("pins", str(number), "done", {"id": str(number)}, kind="pin")
    keys = [key for key, _ in journal.results("pins")]
    assert len(keys) == 1203
    assert set(keys) == set(map(str, range(1203)))


def test_counts_tell_what_the_effects_came_to(journal: Journal) -> None:
    for key, state in (("1", "done"), ("2", "done"), ("3", "adopted"), ("4", "doubt")):
        journal.settle("pins[813].copied", key, state, kind="pin")  # type: ignore[arg-type]
    journal.settle("pins[813].copied", "5", "refused", kind="pin", error=error_facts(RemoteError("no", status=400)))
    journal.settle("pins[813].copied", "6", "refused", kind="pin", error=error_facts(RateLimited("later")))
    journal.skip("pins[813].copied", "7", "pin", "no image")
    journal.settle("target", "create", "done", kind="board")
    of_pins = {"done": 2, "adopted": 1, "skipped": 1, "failed": 1, "doubt": 1}
    assert journal.counts("pins") == {"pin": of_pins}
    assert journal.counts() == {
        "pin": of_pins,
        "board": {"done": 1, "adopted": 0, "skipped": 0, "failed": 0, "doubt": 0},
    }


def test_calls_add_up_over_all_processes_of_a_run(tmp_path: Path, journal: Journal) -> None:
    journal.call("target", "org_write")
    journal.call("target", "org_write", 2)
    journal.call("source", "org_read", 5)
    journal.close()
    with reopened(tmp_path) as again:
        again.call("target", "org_write")
        assert again.calls() == {"target": {"org_write": 4}, "source": {"org_read": 5}}


# lists of ids


def test_a_frozen_list_keeps_its_order_forwards_and_backwards(tmp_path: Path, journal: Journal) -> None:
    ids = [str(number * 7919 % 1201) for number in range(1201)]
    journal.freeze("pins", "source", iter(ids))
    journal.close()
    with reopened(tmp_path) as again:
        frozen = again.frozen_list("pins", "source")
        assert frozen is not None
        assert list(frozen) == ids
        assert list(reversed(frozen)) == ids[::-1]
        assert (frozen[0], frozen[-1], frozen[3:5]) == (ids[0], ids[-1], ids[3:5])
        assert ("1200" in frozen, "1201" in frozen, len(frozen)) == (True, False, 1201)


def test_a_list_that_was_not_frozen_to_its_end_is_no_list(tmp_path: Path, journal: Journal) -> None:
    def broken_off() -> Iterator[str]:
        yield from map(str, range(700))
        raise ConnectionError

    with pytest.raises(ConnectionError):
        journal.freeze("pins", "source", broken_off())
    journal.close()
    with reopened(tmp_path) as again:
        assert again.frozen_list("pins", "source") is None
        again.freeze("pins", "source", ["1", "2"])
        assert list(again.frozen_list("pins", "source") or ()) == ["1", "2"]


def test_only_ids_can_be_frozen(journal: Journal) -> None:
    with pytest.raises(ValueError, match="entry 1 of 'source' is not one"):
        journal.freeze("pins", "source", ["1", "Grandmother's recipes"])


# no content


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (
            {"id": "813", "title": "Soup", "note": None, "saves": 3, "rate": 0.5, "own": True},
            {"id": "813", "note": None, "saves": 3, "rate": 0.5, "own": True},
        ),
        ("7" * 32, "7" * 32),
        ("7" * 33, None),
        ("PUBLIC", "PUBLIC"),
        ("Public", None),
        ("_PUBLIC", None),
        ("2026-11-25", "2026-11-25"),
        ("2026-11-25T12:00:00Z", "2026-11-25T12:00:00Z"),
        ("2026-11-25T12:00:00.123+01:00", "2026-11-25T12:00:00.123+01:00"),
        ("2026-11-25 soup", None),
        ("٣٤", None),
        (["1", "soup", ["2", "soup"]], ["1", None, ["2", None]]),
        ({"media": {"url": "https://x/y.jpg", "width": 3}}, {"media": {"width": 3}}),
        ({"Grandmother's soup": 1, 5: 1}, {}),
        (float("nan"), None),
        (10**40, None),
        (object(), None),
        ({"a": {1, 2}, "b": b"x"}, {}),
    ],
)
def test_no_content_passes_the_sanitizer(value: object, kept: object) -> None:
    assert sanitize(value) == kept


def test_the_sanitizer_is_bounded_in_depth_and_size() -> None:
    deep: Any = "1"
    for _ in range(5000):
        deep = [deep]
    assert len(repr(sanitize(deep))) < 40
    assert len(sanitize([["1"] * 10] * 100_000)) < 10_001
    assert sum(map(len, sanitize([["1"] * 10] * 100_000))) < 10_001


def test_the_file_holds_no_content_however_it_is_handed_over(tmp_path: Path, journal: Journal) -> None:
    secret = "Grandmother's apple cake"
    journal.finish_step(f"pins[{secret}].copied", "failed", {"title": secret, "all": [secret]}, seconds=1, error=secret)
    journal.finish_item("pins", secret, "ok")
    journal.record_intent("pins", secret, kind="pin", method="POST", category="w", digest="d")
    journal.settle("pins", secret, "done", {"id": "1", "description": secret})
    journal.settle("pins", "2", "refused", error=f"remote_error, exit 1, HTTP 400, code {secret}")
    journal.set_state("failed", error=error_facts(RemoteError(secret, status=400, code=secret, request_id=secret)))
    assert journal.is_item_done("pins", secret)
    assert dict(journal.results("pins")).popitem()[1] == {"id": "1"}
    assert b"apple" not in all_bytes(tmp_path)
    journal.close()
    assert b"apple" not in all_bytes(tmp_path)
    assert runs(tmp_path).list()[0].error == "remote_error, exit 1, HTTP 400"


def test_an_error_is_kept_as_its_kind_and_codes() -> None:
    error = RemoteError("a title", status=403, code=29, request_id="1234-ab")
    assert error_facts(error) == "remote_error, exit 1, HTTP 403, code 29, request 1234-ab"
    assert error_facts(KeyError("a title")) == "defect, exit 3"
    assert error_facts(RateLimited("its quota is used up", status=0)) == "rate_limited, exit 6"
    assert error_facts(KeyboardInterrupt()) == error_facts(SystemExit(143)) == "interrupted, exit 130"


# commits


def test_an_intent_is_on_disk_when_record_intent_returns(tmp_path: Path, journal: Journal) -> None:
    intend(journal, "1")
    assert seen_by_others(tmp_path, "SELECT step, key, state FROM effects") == [("pins", "1", "intent")]


def test_an_outcome_and_the_next_intent_share_a_commit(journal: Journal, commits: list[str]) -> None:
    for number in range(10):
        intend(journal, str(number))
        journal.settle("pins", str(number), "done", {"id": "1"})
    assert commits.count("committed") == 10
    journal.flush()
    assert commits.count("committed") == 11


def test_when_a_write_was_last_in_doubt_is_known_and_that_one_never_was(journal: Journal, time: Time) -> None:
    def sent(key: str, *, kind: str = "pin") -> float:
        time.now += 1
        journal.record_intent("pins", key, kind=kind, method="POST", category="c", digest="d")
        return time.now

    for key in ("1", "2", "3"):
        sent(key)
        journal.settle("pins", key, "refused" if key == "2" else "done", kind="pin")
    journal.skip("pins", "4", "pin", "left out")
    assert journal.last_unknown_at("pins", "pin") is None
    doubtful = [sent("5")]
    assert journal.last_unknown_at("pins", "pin") == doubtful[-1]
    journal.settle("pins", "5", "done", kind="pin")
    assert journal.last_unknown_at("pins", "pin") is None
    for key, ends in (("6", "doubt"), ("7", "adopted")):
        doubtful.append(sent(key))
        journal.settle("pins", key, ends, kind="pin")  # type: ignore[arg-type]
        assert journal.last_unknown_at("pins", "pin") == doubtful[-1]
    doubtful.append(sent("8"))
    journal.skip("pins", "8", "pin", "left out after it was sent")
    assert journal.last_unknown_at("pins", "pin") == doubtful[-1]
    sent("9")
    doubtful.append(sent("9"))  # once more
    journal.settle("pins", "9", "done", kind="pin")
    sent("10", kind="board")
    assert journal.last_unknown_at("pins", "pin") == doubtful[-1]
    assert journal.last_unknown_at("others", "pin") is None


def test_a_new_effect_is_known_to_be_new_without_a_turn_at_the_file(
    tmp_path: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(*_: object) -> NoReturn:
        raise AssertionError("the file was asked")

    intend(journal, "1")
    with monkeypatch.context() as patch:
        patch.setattr(Store, "read", busy)
        assert journal.effect("pins", "2") is None
    journal.settle("pins", "1", "done", {"id": "7"})
    assert journal.effect("pins", "1") is not None
    journal.close()
    with reopened(tmp_path) as again:
        found = again.effect("pins", "1")
        assert found is not None and found.result == {"id": "7"}
        assert again.effect("pins", "2") is None


def test_a_commit_waits_for_the_disk(tmp_path: Path, journal: Journal) -> None:
    journal.close()
    for connection in (new_file(tmp_path / "new.db", FILE), open_file(tmp_path / "runs" / f"{RUN}.db", FILE)):
        with closing(connection):
            settings = [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("synchronous", "journal_mode")]
        assert settings == [2, "persist"]


def test_counters_and_steps_are_committed_in_groups(journal: Journal, commits: list[str], time: Time) -> None:
    for number in range(1000):
        journal.call("me", "org_read")
        journal.finish_step(f"step{number}", "ok", None, seconds=0)
    assert commits.count("committed") == 5  # 200 records each; counters ride along
    time.now += 0.5
    journal.call("me", "org_read")
    assert commits.count("committed") == 5
    journal.flush()
    journal.flush()
    assert commits.count("committed") == 6


def test_outcomes_without_intents_do_not_pile_up(journal: Journal, commits: list[str]) -> None:
    for number in range(1000):
        journal.settle("pins", str(number), "refused")
    assert commits.count("committed") == 5


def test_threads_side_by_side_share_commits(tmp_path: Path, time: Time) -> None:
    commits: list[str] = []
    ready = threading.Barrier(16)

    def work(journal: Journal, worker: int) -> None:
        ready.wait()
        for number in range(20):
            intend(journal, f"{worker}:{number}")
            journal.settle("pins", f"{worker}:{number}", "done", {"id": "1"})

    with SafeJournal(runs(tmp_path, time, probe=commits.append).create(record())) as journal:
        threads = [threading.Thread(target=work, args=(journal, worker)) for worker in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert journal.counts("pins")["pin"]["done"] == 320
    assert commits.count("committed") < 100


# who owns it, and what is refused


def test_journals_are_readable_by_their_owner_only(tmp_path: Path, journal: Journal) -> None:
    intend(journal, "1")
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in (tmp_path / "runs").iterdir()}
    assert set(modes.values()) == {0o600}
    assert len(modes) == 3  # database, its rollback journal, lock
    assert stat.S_IMODE((tmp_path / "runs").stat().st_mode) == 0o700


def test_a_second_owner_is_told_who_has_the_run(tmp_path: Path, journal: Journal) -> None:
    with pytest.raises(StateError) as refused:
        reopened(tmp_path)
    assert refused.value.message == (f"run {RUN} is locked by process {os.getpid()} since 2026-11-25 12:00:00 UTC")
    journal.close()
    reopened(tmp_path).close()


@forks
def test_of_many_processes_exactly_one_gets_the_run(tmp_path: Path, journal: Journal) -> None:
    journal.close()
    gate, opened = os.pipe()
    over, ended = os.pipe()
    told, tell = os.pipe()
    children = []
    for _ in range(20):
        child = os.fork()
        if not child:
            os.close(opened)
            os.close(ended)
            os.read(gate, 1)  # until the parent closes its end
            try:
                owned = reopened(tmp_path)
            except StateError:
                os.write(tell, b"n")
            else:
                os.write(tell, b"y")
                os.read(over, 1)  # until the others have met the lock
                owned.close()
            os._exit(0)
        children.append(child)
    os.close(opened)
    said = b"".join(os.read(told, 1) for _ in children)
    os.close(ended)
    for child in children:
        os.waitpid(child, 0)
    assert sorted(said) == sorted(b"n" * 19 + b"y")
    for end in (gate, over, told, tell):
        os.close(end)


@forks
def test_a_lock_ends_with_its_process(tmp_path: Path) -> None:
    child = os.fork()
    if not child:
        runs(tmp_path).create(record())
        os.kill(os.getpid(), 9)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -9
    assert runs(tmp_path).list()[0].state == "interrupted"
    reopened(tmp_path).close()


@forks
def test_a_lock_that_its_owner_removes_is_never_had_by_two(tmp_path: Path) -> None:
    children = []
    for _ in range(3):
        child = os.fork()
        if not child:
            code = 1
            try:
                for _ in range(400):
                    with suppress(StateError):
                        lock = Lock(tmp_path / "x.lock", "x", now=0)
                        os.close(os.open(tmp_path / "owned", os.O_CREAT | os.O_EXCL))  # fails where two have it
                        (tmp_path / "owned").unlink()
                        lock.release(remove=True)
                code = 0
            finally:
                os._exit(code)
        children.append(child)
    assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0, 0, 0]


def test_a_run_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="no run 1999"):
        reopened(tmp_path, "1999")


def newer(file: Path) -> None:
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA user_version = 3")


def unversioned(file: Path) -> None:
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA user_version = 0")


def foreign(file: Path) -> None:
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA application_id = 1")


def emptied(file: Path) -> None:
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("DROP TABLE effects")


def cut_off(file: Path) -> None:
    os.truncate(file, file.stat().st_size - 5000)


def torn_page(file: Path) -> None:
    with file.open("r+b") as open_file:
        open_file.seek(4096)
        open_file.write(b"\xff" * 4096)


@pytest.mark.parametrize(
    ("harm", "says"),
    [
        (newer, "is from a newer pinflow (journal 3; this one knows 2); it was left as it is"),
        (foreign, "is not a run of pinflow; it was left as it is"),
        (
            lambda file: file.write_bytes(b"no database at all, but a text\n" * 500),
            "is damaged: file is not a database",
        ),
        (lambda file: file.write_bytes(b""), "is not a run of pinflow; it was left as it is"),
        (emptied, "is damaged: its tables are not those of a run; it was left as it is"),
        (unversioned, "is damaged: its tables have the version 0; it was left as it is"),
        (cut_off, "is damaged: "),
        (torn_page, "is damaged: "),
    ],
)
def test_what_can_not_be_trusted_is_refused_and_left_as_it_is(
    tmp_path: Path, journal: Journal, harm: Callable[[Path], object], says: str
) -> None:
    for number in range(50):
        intend(journal, str(number))
    journal.close()
    file = tmp_path / "runs" / f"{RUN}.db"
    harm(file)
    before = file.read_bytes()
    with pytest.raises(StateError) as refused:
        reopened(tmp_path)
    assert refused.value.message.startswith(f"{file} {says}")
    assert file.read_bytes() == before
    Lock(file.with_suffix(".lock"), "the run", now=0).release()  # it was let go


def test_a_file_with_flipped_bits_is_refused_or_read_but_never_a_crash(tmp_path: Path, journal: Journal) -> None:
    for number in range(50):
        intend(journal, str(number))
    journal.close()
    file = tmp_path / "runs" / f"{RUN}.db"
    whole = file.read_bytes()
    chance = random.Random(20261125)
    refused = 0
    for _ in range(150):
        harmed = bytearray(whole)
        for _ in range(chance.choice((1, 8, 64))):
            harmed[chance.randrange(len(harmed))] ^= 1 << chance.randrange(8)
        file.write_bytes(harmed)
        assert len(runs(tmp_path).list()) == 1
        try:
            reopened(tmp_path).close()
        except StateError:
            refused += 1
            assert file.read_bytes() == harmed
    assert 10 < refused < 150


@pytest.mark.parametrize("kind", ["nfs4", "cifs", "9p", "fuse.sshfs"])
def test_a_network_filesystem_is_refused(tmp_path: Path, kind: str, time: Time) -> None:
    shared = tmp_path / "a share"
    shared.mkdir()
    mounts = tmp_path / "mounts"
    escaped = str(shared).replace(" ", "\\040")
    mounts.write_text(f"/dev/vda / ext4 rw 0 0\n/dev/vdb {escaped} xfs rw 0 0\nhost:/x {escaped} {kind} rw 0 0\n")
    with pytest.raises(StateError, match=rf"is on a network filesystem \({kind}\)"):
        runs(shared, time, mounts=mounts).create(record())
    runs(tmp_path / "local", time, mounts=mounts).create(record()).close()


def test_a_place_that_is_no_directory_is_refused(tmp_path: Path, time: Time) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StateError, match=r"file/runs can't be made: File exists\n  choose another state directory"):
        runs(tmp_path / "file", time).create(record())


# all runs


def test_runs_are_listed_newest_first_with_how_they_stand(tmp_path: Path, time: Time) -> None:
    ended = runs(tmp_path, time).create(record("20261101-000000-000001"))
    ended.set_state("ok", exit_code=0)
    ended.close()
    runs(tmp_path, time).create(record("20261102-000000-000001")).close()
    (tmp_path / "runs" / "20261103-000000-000001.db").write_text("what is this?" * 100)
    with runs(tmp_path, time).create(record("20261104-000000-000001")):
        listed = runs(tmp_path).list()
    assert [(run.id[6:8], run.state) for run in listed] == [
        ("04", "running"),
        ("03", "unreadable"),
        ("02", "interrupted"),
        ("01", "ok"),
    ]
    assert listed[1].error == "file is not a database"
    assert runs(tmp_path).last() == "20261104-000000-000001"


def test_a_run_that_could_not_begin_is_no_run(tmp_path: Path, time: Time, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(directory: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("pinflow.state.folder.sqlite.sync_folder", full)
    with pytest.raises(StateError, match=r"can't be made: .*No space left on device"):
        runs(tmp_path, time).create(record())
    assert list((tmp_path / "runs").glob("*.db*")) == []
    (tmp_path / "runs" / "20261103-000000-000001.db").touch()  # killed at its very beginning
    assert (runs(tmp_path).list(), runs(tmp_path).last()) == ([], None)


def test_a_run_never_takes_the_file_of_another(tmp_path: Path, time: Time) -> None:
    runs(tmp_path, time).create(record()).close()
    with pytest.raises(StateError, match=r"can't be made: .*File exists"):
        runs(tmp_path, time).create(record())
    assert [run.state for run in runs(tmp_path).list()] == ["interrupted"]


def test_an_empty_folder_has_no_runs(tmp_path: Path) -> None:
    assert (runs(tmp_path).list(), runs(tmp_path).last()) == ([], None)


def test_run_ids_sort_by_time() -> None:
    assert new_run_id(NOON, lambda n: b"\xab" * n) == "20261125-120000-ababab"
    assert new_run_id(NOON) < new_run_id(NOON + 1)
    assert replace(record(), id=new_run_id(NOON)).id != new_run_id(NOON)
