"""What was used of the quotas is shared, survives its process, and is never overwritten when it can't be believed."""

from __future__ import annotations

import hashlib
import json
import math
import os
import stat
import sys
import time
from array import array
from pathlib import Path
from threading import Event, Thread, current_thread
from typing import TYPE_CHECKING, Any

import pytest

from pinflow.clock import Clock
from pinflow.errors import RateLimited, SpamBlocked, StateError
from pinflow.http.api import Quota
from pinflow.http.credentials import Credential
from pinflow.http.rate_limiter import RateLimiter
from pinflow.state.folder.counters import CounterTable
from pinflow.state.folder.usage import FolderUsage
from pinflow.state.records import CounterKey

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NOON = 1_795_000_000.0
ORIGIN = "https://api.example.com"


class Machine:
    """Processes that share a state directory and a clock, which only sleeping and setting move."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.running = 1000.0
        self.offset = NOON
        self.slept: list[float] = []
        self.stores: list[FolderUsage] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.running += seconds

    def process(self, *, accounts: dict[str, str] | None = None, origin: str = ORIGIN, **quotas: Quota) -> RateLimiter:
        """A rate limiter of a process of its own."""
        return RateLimiter(
            {name.replace("every", "*"): quota for name, quota in quotas.items()},
            self.store(),
            Clock(self.now, lambda: self.running, self.sleep),
            api="v5",
            origin=origin,
            accounts=accounts,
        )

    def store(self) -> FolderUsage:
        self.stores.append(FolderUsage(self.folder, self.now))
        return self.stores[-1]

    def now(self) -> float:
        return self.running + self.offset

    def close(self) -> None:
        for store in self.stores:
            store.close()
        self.stores.clear()


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    made = Machine(tmp_path / "quota")
    yield made
    made.close()


def call(
    limiter: RateLimiter, category: str = "write", login: str = "me", headers: dict[str, str] | None = None
) -> float:
    """One call that takes no time: by how many seconds it had to wait."""
    permit = limiter.acquire(login, category, patience=1e9)
    limiter.release(permit, headers or {})
    return permit.waited


def used_up(limiter: RateLimiter, category: str = "write", login: str = "me") -> float:
    """How long the quota rests for somebody without patience."""
    with pytest.raises(RateLimited) as caught:
        limiter.acquire(login, category, patience=0)
    assert caught.value.retry_after is not None
    return caught.value.retry_after


def test_two_processes_share_one_quota(machine: Machine) -> None:
    one, other = (machine.process(write=Quota(4, 60)) for _ in range(2))
    assert [call(each) for each in (one, other, one, other)] == [0, 0, 0, 0]
    assert used_up(one) == used_up(other) == pytest.approx(60.6)


TOLD_MORE = {"x-ratelimit-limit": "6, 6;w=20"}


def test_a_larger_quota_that_one_process_is_told_is_used_by_all_and_so_is_a_smaller_one(machine: Machine) -> None:
    one, other = (machine.process(write=Quota(2, 60), every=Quota(100, 1)) for _ in range(2))
    assert call(other) == 0  # it knows the assumed quota, and is told nothing
    assert call(one, headers=TOLD_MORE) == 0
    assert [call(each) for each in (other, one, other, other)] == [0] * 4  # six in all: what is known counts
    assert used_up(one) == used_up(other) == pytest.approx(20.2)
    assert used_up(machine.process(write=Quota(2, 60), every=Quota(100, 1))) == pytest.approx(20.2)
    machine.running += 21
    call(other, headers={"x-ratelimit-limit": "1, 1;w=20"})
    assert used_up(one) == used_up(other) == pytest.approx(20.2)
    machine.running += 21
    call(one, headers={"x-ratelimit-limit": "3, 3;w=60"})  # another window again
    assert [call(each) for each in (other, one)] == [0] * 2
    assert used_up(one) == used_up(other) == pytest.approx(60.6)
    (write,) = [use for use in machine.store().uses() if use.category == "write"]
    assert (write.limit, write.seconds, write.source) == (3, 60, "header")


def test_what_is_told_of_a_larger_quota_counts_what_was_used_of_it(machine: Machine) -> None:
    limiter = machine.process(write=Quota(2, 60), every=Quota(100, 1))
    call(limiter)
    call(limiter, headers={**TOLD_MORE, "x-ratelimit-remaining": "1", "x-ratelimit-reset": "15"})
    assert call(limiter) == 0
    assert used_up(limiter) == pytest.approx(15)


def test_a_window_that_was_told_stays_in_force_for_who_comes_later(machine: Machine) -> None:
    call(machine.process(write=Quota(2, 60), every=Quota(100, 1)), headers=TOLD_MORE)
    machine.close()
    machine.running += 21
    later = machine.process(write=Quota(2, 60), every=Quota(100, 1))
    assert [call(later) for _ in range(6)] == [0] * 6
    assert used_up(later) == pytest.approx(20.2)


def test_windows_may_change_more_often_than_a_table_has_room_for(machine: Machine) -> None:
    limiter = machine.process(write=Quota(2, 60), every=Quota(100, 1))
    for seconds in range(10, 30):
        call(limiter, headers={"x-ratelimit-limit": f"5, 5;w={seconds}, 9;w={seconds + 100}, 100;w=1"})
        machine.running += 200
    assert [call(limiter) for _ in range(5)] == [0] * 5
    assert used_up(limiter) == pytest.approx(29.29)


def test_a_restart_begins_with_what_is_left(machine: Machine) -> None:
    call(machine.process(write=Quota(2, 60)))
    machine.close()
    machine.running += 20
    later = machine.process(write=Quota(2, 60))
    assert call(later) == 0
    assert used_up(later) == pytest.approx(40.6)


def test_a_days_quota_is_kept_over_days_and_reboots(machine: Machine) -> None:
    day = Quota(3, 86_400, "app")
    for _ in range(3):
        call(machine.process(write=day))
        machine.close()
        machine.running, machine.offset = 5.0, machine.running + machine.offset + 7 * 3600  # seven hours later
    # the three were 21, 14 and 7 hours ago
    assert used_up(machine.process(write=day)) == pytest.approx(3 * 3600, abs=30)


def test_accounts_apps_and_origins_have_quotas_of_their_own(machine: Machine) -> None:
    write, report = Quota(1, 60), Quota(1, 60, "app")
    mine = machine.process(accounts={"me": "aaaa", "other": "bbbb"}, write=write, report=report)
    call(mine)
    assert call(mine, login="other") == 0
    # another name for the same account is the same account
    assert used_up(machine.process(accounts={"mine_too": "aaaa"}, write=write), login="mine_too") == pytest.approx(60.6)
    assert call(machine.process(origin="http://127.0.0.1:8000", accounts={"me": "aaaa"}, write=write)) == 0
    call(mine, "report")
    assert used_up(mine, "report", "other") == pytest.approx(60.6)


def test_a_refusal_holds_back_every_process(machine: Machine) -> None:
    one, other = (machine.process(write=Quota(100, 60)) for _ in range(2))
    permit = one.acquire("me", "write", patience=0)
    one.release(permit, {})
    one.pause(permit, {}, 40)
    assert used_up(other) == pytest.approx(40)
    machine.close()
    machine.running += 10
    assert used_up(machine.process(write=Quota(100, 60))) == pytest.approx(30)


def test_a_refusal_of_a_category_without_a_known_quota_holds_back_every_process(machine: Machine) -> None:
    one, other = machine.process(), machine.process()
    permit = one.acquire("me", "odd", patience=0)
    one.release(permit, {})
    one.pause(permit, {}, 40)
    assert used_up(other, "odd") == pytest.approx(40)
    assert call(other, "even") == 0


def test_what_an_answer_tells_corrects_the_count_of_every_process(machine: Machine) -> None:
    one, other = (machine.process(write=Quota(10, 60)) for _ in range(2))
    told = {"x-ratelimit-limit": "10, 10;w=60", "x-ratelimit-remaining": "1", "x-ratelimit-reset": "25"}
    call(one, headers=told)
    assert call(other) == 0
    assert used_up(other) == pytest.approx(25)


def test_a_limit_that_was_told_is_remembered(machine: Machine) -> None:
    call(machine.process(write=Quota(10, 60)), headers={"x-ratelimit-limit": "2, 2;w=60"})
    machine.close()
    later = machine.process(write=Quota(10, 60))
    assert call(later) == 0
    assert used_up(later) == pytest.approx(60.6)


def test_each_access_tier_counts_its_own_windows(machine: Machine) -> None:
    call(machine.process(write=Quota(1, 86_400)))
    machine.close()
    assert call(machine.process(write=Quota(100, 60))) == 0


@pytest.mark.parametrize("back", [10.0, 3600.0, 90_000.0, 400 * 86_400.0])
def test_a_clock_that_is_set_back_ends_no_wait_early_and_makes_none_longer(machine: Machine, back: float) -> None:
    limiter = machine.process(write=Quota(2, 60))
    for _ in range(2):
        call(limiter)
    machine.running += 20
    machine.offset -= back
    # at most as long as if the calls had been made this moment, and not before they are free
    assert 40.6 <= used_up(limiter) + 1e-6 <= 60.6 + 1e-6
    machine.running += 60.7
    assert call(limiter) == 0


def test_a_pause_outlasts_a_clock_that_is_set_back(machine: Machine) -> None:
    limiter = machine.process(write=Quota(100, 60))
    permit = limiter.acquire("me", "write", patience=0)
    limiter.release(permit, {})
    limiter.pause(permit, {}, 40)
    machine.offset -= 7200
    assert used_up(limiter) == pytest.approx(40)


def test_a_blocked_account_stays_blocked_for_every_process_until_a_day_has_passed(machine: Machine) -> None:
    machine.process(accounts={"me": "aaaa"}).block("me")
    machine.close()
    machine.running += 3600
    other = machine.process(accounts={"mine_too": "aaaa", "you": "bbbb"})
    other.check_block("you")
    with pytest.raises(SpamBlocked) as caught:
        other.check_block("mine_too")
    assert caught.value.retry_after == pytest.approx(23 * 3600)
    machine.running += 23 * 3600
    other.check_block("mine_too")


def test_a_block_that_has_ended_does_not_come_back_with_a_clock_that_is_set_back(machine: Machine) -> None:
    limiter = machine.process()
    limiter.block("me", 3600)
    machine.running += 7200
    call(limiter)
    limiter.check_block("me")
    machine.offset -= 7200
    limiter.check_block("me")


def test_a_login_that_goes_leaves_another_that_comes_meanwhile_alone(machine: Machine) -> None:
    limiter = machine.process(accounts={"me": "aaaa", "you": "bbbb", "you_too": "bbbb"})
    limiter.open("me", ["write"])
    limiter.open("you", ["write"])
    began = Event()

    class Watched:
        """The lock, which signals who comes to it."""

        def __init__(self, lock: Any) -> None:
            self._lock = lock

        def __enter__(self) -> None:
            if current_thread() is comes:
                began.set()
            self._lock.__enter__()

        def __exit__(self, *what: object) -> None:
            self._lock.__exit__(*what)

    class Name(str):
        """The login that goes: another comes while it is looked for."""

        __slots__ = ()

        def __ne__(self, other: object) -> bool:
            if comes.ident is None:
                comes.start()
                assert began.wait(20)
            return str.__ne__(self, other)

    def come() -> None:
        limiter.open("you_too", ["write"])
        began.set()

    comes = Thread(target=come)
    limiter._lock = Watched(limiter._lock)  # type: ignore[assignment]
    limiter.forget(Name("me"))
    comes.join(20)
    assert call(limiter, login="you_too") == 0


def test_the_counters_of_a_login_are_opened_before_its_first_call(machine: Machine) -> None:
    limiter = machine.process(accounts={"me": "aaaa"}, write=Quota(3, 60), report=Quota(2, 60, "app"))
    limiter.open("me", ["write", "report"])
    assert labels(machine.folder) == {
        ("aaaa", "", "me"),
        ("aaaa", "*", "me"),
        ("aaaa", "write", "me"),
        ("app", "report", ""),
    }


def test_the_use_of_every_quota_is_told(machine: Machine) -> None:
    limiter = machine.process(accounts={"me": "aaaa"}, write=Quota(3, 60), report=Quota(2, 60, "app"))
    call(limiter)
    call(limiter, "report", headers={"x-ratelimit-limit": "5, 5;w=60"})
    limiter.block("me", 100)
    machine.running += 10
    now = machine.now()
    app, block, write = machine.store().uses()
    assert (app.account, app.login, app.limit, app.used, app.remaining, app.source) == ("app", "", 5, 1, 4, "header")
    assert (block.account, block.login, block.category, block.limit, block.used) == ("aaaa", "me", "", None, 0)
    assert (block.remaining, block.resets) == (None, None)
    assert block.paused_until == pytest.approx(now + 90)
    assert (write.account, write.category, write.limit, write.seconds, write.used) == ("aaaa", "write", 3, 60, 1)
    assert (write.source, write.paused_until) == ("table", None)
    assert write.resets == pytest.approx(now + 50.6)
    assert (machine.store().lift("me"), machine.store().lift("me"), machine.store().lift("you")) == (1, 0, 0)
    limiter.check_block("me")


# -- files


def labels(folder: Path) -> set[tuple[str, str, str]]:
    """Account, category and login of every table."""
    texts = (file.read_bytes()[512:1024].rstrip(b"\0") for file in folder.glob("*.page"))
    return {(account, category, login) for _, _, account, category, login in map(json.loads, texts)}


def test_a_table_of_the_version_before_is_read_and_written_in_its_format(machine: Machine) -> None:
    # 65 KB of numbers: mark, latest time, end of a pause; 4 heads at 8; a label at 64; 4 times 2,048 slots at 128
    key = CounterKey("v5", ORIGIN, "me", "write", "me")
    name = hashlib.sha256("\n".join((key.api, key.origin, key.account, key.category)).encode()).hexdigest()[:24]
    content = bytearray(8 * (128 + 4 * 2048))
    numbers = memoryview(content).cast("d")
    numbers[1] = machine.now()
    numbers[8:14] = array("d", [60.0, 2, 1, 2, 0, 0])  # seconds, limit, calls a slot, slots taken, room, learned
    numbers[128:130] = array("d", [machine.now() + 7, machine.now() + 9])
    content[:8] = b"pinflow1"
    label = json.dumps(["v5", ORIGIN, "me", "write", "me"]).encode()
    content[512 : 512 + len(label)] = label
    machine.folder.mkdir()
    (machine.folder / f"{name}.page").write_bytes(content)
    limiter = machine.process(write=Quota(2, 60))
    assert used_up(limiter) == pytest.approx(7)
    machine.running += 8
    call(limiter)
    machine.close()
    written = memoryview((machine.folder / f"{name}.page").read_bytes()).cast("d")
    assert list(written[8:14]) == [60.0, 2, 1, 3, 0, 0]
    assert list(written[128:131]) == pytest.approx([NOON + 1007, NOON + 1009, machine.now() + 60.6])


def table_file(folder: Path, category: str) -> Path:
    for file in folder.glob("*.page"):
        if json.loads(file.read_bytes()[512:1024].rstrip(b"\0"))[3] == category:
            return file
    raise AssertionError(f"there is no table of {category}")


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such modes")
def test_usage_files_are_readable_by_their_owner_only(machine: Machine) -> None:
    call(machine.process(write=Quota(1, 60)))
    assert stat.S_IMODE(machine.folder.stat().st_mode) == 0o700
    files = list(machine.folder.iterdir())
    assert {"lock", "key"} < {file.name for file in files}
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def _cut(content: bytearray) -> bytes:
    return bytes(content[:-8])


def _foreign(content: bytearray) -> bytes:
    return b"somebody" + content[8:]


def _newer(content: bytearray) -> bytes:
    return b"pinflow2" + content[8:]


def _not_a_number(content: bytearray) -> bytes:
    numbers = memoryview(content).cast("d")
    numbers[CounterTable.slots(0)] = math.nan
    return bytes(content)


def _negative(content: bytearray) -> bytes:
    numbers = memoryview(content).cast("d")
    numbers[CounterTable.head(0) + 3] = -5.0
    return bytes(content)


def _unlabelled(content: bytearray) -> bytes:
    return bytes(content[:512]) + b"[1, 2" + bytes(content[517:])


@pytest.mark.parametrize("damage", [_cut, _foreign, _newer, _not_a_number, _negative, _unlabelled])
def test_a_damaged_table_is_named_and_left_as_it_is(machine: Machine, damage: Callable[[bytearray], bytes]) -> None:
    call(machine.process(write=Quota(1, 60)))
    machine.close()
    file = table_file(machine.folder, "write")
    file.write_bytes(broken := damage(bytearray(file.read_bytes())))
    with pytest.raises(StateError, match=r"is damaged: .*; it was left as it is") as caught:
        machine.process(write=Quota(1, 60)).open("me", ["write"])
    assert str(file) in caught.value.message
    assert file.read_bytes() == broken


def test_a_file_in_place_of_the_usage_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "quota").write_text("mine")
    with pytest.raises(StateError, match=r"can't be stored in .*; nothing was sent"):
        FolderUsage(tmp_path / "quota", float)
    assert (tmp_path / "quota").read_text() == "mine"


@pytest.mark.skipif(not hasattr(os, "O_NOFOLLOW"), reason="links are followed here")
def test_a_link_in_place_of_a_table_is_not_followed(machine: Machine, tmp_path: Path) -> None:
    call(machine.process(write=Quota(1, 60)))
    machine.close()
    file = table_file(machine.folder, "write")
    aside = tmp_path / "aside"
    file.rename(aside)
    file.symlink_to(aside)
    with pytest.raises(StateError, match="can't be stored"):
        machine.process(write=Quota(1, 60)).open("me", ["write"])

    with pytest.raises(StateError, match="can't be stored"):
        machine.store().uses()


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such limits")
def test_quotas_of_more_accounts_than_files_may_be_open_can_be_looked_at(machine: Machine) -> None:
    import resource

    accounts = 100
    limiter = machine.process(write=Quota(1, 60))
    for number in range(accounts):
        call(limiter, login=str(number))
        limiter.forget(str(number))
    store = machine.store()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(list(Path("/dev/fd").iterdir())) + 20, hard))
    try:
        found = store.uses()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert len(found) == accounts


def test_a_full_disk_is_told_and_leaves_no_half_table(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    store = machine.store()

    def full(*_: Any, **__: Any) -> Any:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(StateError, match="No space left on device; nothing was sent"):
            store.lane(CounterKey("v5", ORIGIN, "me", "write"))
    assert list(machine.folder.glob("*.page")) == []
    store.lane(CounterKey("v5", ORIGIN, "me", "write"))


def test_tables_unused_for_long_are_removed_when_a_new_one_comes(machine: Machine) -> None:
    call(machine.process(write=Quota(1, 60)), login="gone")
    old = set(machine.folder.glob("*.page"))
    long_ago = time.time() - 100 * 86_400
    for file in old:
        os.utime(file, (long_ago, long_ago))
    machine.process(write=Quota(1, 60)).open("me", ["write"])
    machine.process(write=Quota(1, 60)).open("you", ["write"])
    assert not old & set(machine.folder.glob("*.page"))


def test_a_fingerprint_tells_accounts_apart_and_says_nothing_without_the_key(machine: Machine) -> None:
    def credential(secret: str) -> Credential:
        return Credential(secret, name="token", source="test", origin=ORIGIN)

    key = machine.store().key
    assert len(key) == 32
    assert machine.store().key == key
    mine = credential("pina_one").fingerprint(key)
    assert len(mine) == 16
    assert mine == credential("pina_one").fingerprint(key)
    assert mine != credential("pina_two").fingerprint(key)
    assert mine != credential("pina_one").fingerprint(bytes(32))
