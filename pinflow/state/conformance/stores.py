# ruff: noqa: S101 - these are tests
"""The tests of a state itself and of its smaller stores."""

from __future__ import annotations

import threading
from contextlib import closing
from typing import TYPE_CHECKING, Any

from pinflow.state.conformance.common import RUN, catch, run_record
from pinflow.state.protocol import ClaimLost
from pinflow.state.records import Approval, Coverage, Keep, Notice

if TYPE_CHECKING:
    from pinflow.state.conformance.common import MakeState


class StateConformance:
    """Of `State` itself."""

    def test_a_secret_is_made_once_and_is_the_same_for_all(self, make_state: MakeState) -> None:
        secrets = [make_state().secret("fingerprint") for _ in range(3)]
        assert len(set(secrets)) == 1
        assert len(secrets[0]) == 32
        assert make_state().secret("quota") != secrets[0]

    def test_the_moment_is_in_seconds_since_1970(self, make_state: MakeState) -> None:
        state = make_state()
        assert 1_700_000_000 < state.now() <= state.now()

    def test_it_tells_how_much_there_is_and_removes_what_need_not_be_kept(self, make_state: MakeState) -> None:
        for number, end in enumerate(("ok", "ok", "failed", "paused")):
            with closing(make_state().runs.create(run_record(f"20261125-12000{number}-aaaaaa"))) as journal:
                journal.set_state(end)  # type: ignore[arg-type]
        make_state().approvals.put(_approval())
        state = make_state()
        before = {row.kind: row.count for row in state.inventory()}
        assert sorted(before.values()) == [1, 1, 1, 2]
        assert all(row.size > 0 for row in state.inventory())
        none = Keep(ok=-60.0, failed=-60.0)
        assert sum(row.count for row in state.prune(none, dry_run=True)) == 3
        assert {row.kind: row.count for row in state.inventory()} == before
        assert sum(row.count for row in state.prune(none)) == 3
        assert [run.state for run in make_state().runs.list()] == ["paused"]
        assert [row.count for row in state.prune(Keep(open=-60.0))] == [1]
        assert list(make_state().runs.list()) == []
        assert make_state().approvals.get("ab" * 32) is not None

    def test_it_has_a_name_for_people(self, make_state: MakeState) -> None:
        assert make_state().place


def _approval(digest: str = "ab" * 32, **facts: Any) -> Approval:
    return Approval(digest=digest, name="Copy", recipe="/r/copy.yaml", recipe_digest="d", api=None, **facts)


class ApprovalsConformance:
    """Of `ApprovalStore`."""

    def test_an_approval_comes_back_whole_to_all(self, make_state: MakeState) -> None:
        covers = Coverage(
            request="ef" * 32,
            files={"/r/pins.csv": "12" * 32},
            inputs={"table": "/r/pins.csv"},
            addresses={"v5": "https://api.example.com/v5"},
            accounts={"v5 shop": "549", "v5 other": ""},
            software={"pinflow": "0.1"},
        )
        approval = _approval(
            inputs={"board": "813"}, deletes=("gone",), max_writes=7, by="ann", at=1_795_608_000.0, covers=covers
        )
        make_state().approvals.put(approval)
        assert make_state().approvals.get(approval.digest) == approval
        assert make_state().approvals.get("cd" * 32) is None
        make_state().approvals.put(_approval(by="bob"))
        assert make_state().approvals.all() == ([_approval(by="bob")], [])

    def test_approvals_are_listed_newest_first_and_removed(self, make_state: MakeState) -> None:
        store = make_state().approvals
        for number in range(3):
            store.put(_approval(f"{number}" * 64, at=1_795_608_000.0 + number))
        assert [approval.digest[0] for approval in store.all()[0]] == ["2", "1", "0"]
        assert make_state().approvals.remove("1" * 64)
        assert not store.remove("1" * 64)
        assert sorted(digest[0] for digest in store.digests()) == ["0", "2"]


class NoticeBookConformance:
    """Of `NoticeBook`."""

    def test_a_notice_is_begun_by_one_and_told_until_it_is_resolved(self, make_state: MakeState) -> None:
        notice = Notice(key="token-ends:shop", kind="token_ends", title="It ends", at=1_795_608_000.0)
        one, other = make_state().notices, make_state().notices
        attempt = one.begin(notice, ["mail", "chat"], now=100.0, again_after=300.0)
        assert attempt is not None
        assert (attempt.lacking, attempt.told, attempt.problem) == (("mail", "chat"), frozenset(), "")
        assert other.begin(notice, ["mail", "chat"], now=101.0, again_after=300.0) is None
        one.finish(notice, ["mail"], ["chat"], now=101.0)
        assert other.begin(notice, ["mail", "chat"], now=400.0, again_after=300.0) is None
        again = other.begin(notice, ["mail", "chat"], now=402.0, again_after=300.0)
        assert again is not None
        assert (again.lacking, set(again.told), set(again.failed)) == (("chat",), {"mail"}, {"chat"})
        other.finish(notice, ["mail", "chat"], [], now=402.0)
        assert one.begin(notice, ["mail", "chat"], now=9_000.0, again_after=300.0) is None
        assert one.open() == [notice]
        assert (other.resolve(notice.key), one.resolve(notice.key), one.open()) == (True, False, [])
        assert one.begin(notice, ["mail"], now=9_001.0, again_after=300.0) is not None

    def test_any_key_is_a_key(self, make_state: MakeState) -> None:
        book = make_state().notices
        for key in ("../../etc", "a" * 2_000, "\u2603:x"):
            book.finish(Notice(key=key, kind="k", title="t"), ["mail"], [], now=1.0)
        assert len(book.open()) == 3


class RunEventsConformance:
    """Of `RunEvents`."""

    def test_events_come_back_in_order_from_any_number_on(self, make_state: MakeState) -> None:
        events = make_state().events
        assert [events.append(RUN, {"event": "Progress", "done": number}) for number in range(1, 4)] == [1, 2, 3]
        events.append("another", {"event": "RunStarted"})
        others = make_state().events
        assert list(others.read(RUN, after=1)) == [
            (2, {"event": "Progress", "done": 2}),
            (3, {"event": "Progress", "done": 3}),
        ]
        assert (list(others.read("none")), len(list(others.read(RUN)))) == ([], 3)
        assert make_state().events.append(RUN, {"event": "RunFinished"}) == 4


class AuditLogConformance:
    """Of `AuditLog`."""

    def test_entries_are_numbered_chained_and_read_by_all(self, make_state: MakeState) -> None:
        first = make_state().audit.append("ann", "cli", {"revoked": "ab"})
        second = make_state().audit.append("bob", "web", {"approved": ["cd"]})
        assert (first.number, first.previous, second.number, len(second.previous)) == (1, "", 2, 64)
        audit = make_state().audit
        assert (list(audit.read()), list(audit.read(after=1))) == ([first, second], [second])
        assert audit.check() is None

    def test_two_that_append_side_by_side_break_no_chain(self, make_state: MakeState) -> None:
        def work() -> None:
            audit = make_state().audit
            for number in range(10):
                audit.append("ann", "cli", {"number": number})

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [entry.number for entry in make_state().audit.read()] == list(range(1, 41))
        assert make_state().audit.check() is None


class _LostClaim:
    def __init__(self) -> None:
        self.run = run_record()
        self.lost = threading.Event()
        self.lost.set()


class PluginRowsConformance:
    """Of `PluginRows`."""

    def test_rows_come_back_by_key_and_belong_to_one_plugin(self, make_state: MakeState) -> None:
        rows = make_state().rows("shop")
        for key in ("b", "a", "../c"):
            rows.put("queue", key, {"title": key, "at": 1.5})
        rows.put("other", "a", [1])
        others = make_state().rows("shop")
        assert (others.get("queue", "b"), others.get("queue", "x")) == ({"title": "b", "at": 1.5}, None)
        assert [key for key, _ in others.list("queue")] == ["../c", "a", "b"]
        assert list(make_state().rows("other").list("queue")) == []
        rows.put("queue", "a", None)
        assert (others.remove("queue", "b"), others.remove("queue", "b")) == (True, False)
        assert list(others.list("queue")) == [("../c", {"title": "../c", "at": 1.5}), ("a", None)]

    def test_a_row_is_bound_to_the_run_of_its_claim(self, make_state: MakeState) -> None:
        state = make_state()
        with closing(state.runs.create(run_record())) as journal:
            state.rows("shop").put("queue", "a", 1, claim=journal)
        state.rows("shop").put("queue", "b", 2)
        assert list(make_state().rows("shop").list("queue", run_id=RUN)) == [("a", 1)]

    def test_who_has_lost_the_claim_writes_nothing(self, make_state: MakeState) -> None:
        rows = make_state().rows("shop")
        rows.put("queue", "a", 1)
        catch(ClaimLost, lambda: rows.put("queue", "a", 2, claim=_LostClaim()))
        catch(ClaimLost, lambda: rows.remove("queue", "a", claim=_LostClaim()))
        assert rows.get("queue", "a") == 1


class ContentStoreConformance:
    """Of `ContentStore`."""

    def test_content_comes_back_by_its_digest_until_nothing_uses_it(self, make_state: MakeState) -> None:
        content = make_state().content
        texts = [b"", b"name: n\n", bytes(range(256)) * 8_000]
        digests = [content.put(text) for text in texts]
        assert digests == [content.put(text) for text in texts]
        others = make_state().content
        assert [others.get(digest) for digest in digests] == texts
        assert (others.get("0" * 64), others.get("../x")) == (None, None)
        assert others.prune(in_use={digests[1]}) == 2
        assert [content.get(digest) for digest in digests] == [None, texts[1], None]
