"""Metrics of the daemon: what Prometheus reads, and who may."""

from __future__ import annotations

import re
import socket
from typing import TYPE_CHECKING, Any
from urllib.request import urlopen

import pytest

from pinflow.errors import StateError, UsageError
from pinflow.scheduling.metrics import Metrics, parse_address, serve
from tests.scheduling.rig import MINUTE, START, Rig

if TYPE_CHECKING:
    from collections.abc import Mapping

pytest.importorskip("prometheus_client")


def read(url: str) -> Mapping[str, float]:
    """Every sample by name and labels."""
    with urlopen(url, timeout=10) as answer:
        text = answer.read().decode()
    return {name: float(value) for name, value in re.findall(r"^([^#\s]\S*) (\S+)$", text, re.MULTILINE)}


def fail() -> None:
    from pinflow import ActionError

    raise ActionError("broken")


def test_prometheus_reads_how_the_jobs_do(rig: Rig) -> None:
    rig.recipe("good", "every: 10 minutes")
    rig.recipe("bad", "every: 10 minutes")
    rig.does["bad"] = fail
    store = rig.store()
    metrics = Metrics(rig.app(), store)
    scheduler = rig.scheduler(store=store)
    scheduler._report = metrics.counter(scheduler._report)
    rig.until(scheduler, START + 25 * MINUTE)
    with serve(metrics, ("127.0.0.1", 0)) as url:
        found = read(url)
        assert found["pinflow_jobs"] == 2
        assert found["pinflow_table_readable"] == 1
        done = found['pinflow_runs_total{job="good",outcome="done"}']
        assert done == sum(job == "good" for job, _ in rig.worked) > 0
        assert found['pinflow_runs_total{job="bad",outcome="failed"}'] == found['pinflow_job_failures{job="bad"}'] > 0
        assert found['pinflow_job_failures{job="good"}'] == 0
        assert found['pinflow_job_next_start_time_seconds{job="good"}'] > START + 25 * MINUTE
        assert found['pinflow_occurrences{state="running"}'] == 0
        host, port = re.findall(r"//([\d.]+):(\d+)/", url)[0]
        taken = f"can't listen at 127.0.0.1:{port}: Address already in use"
        with pytest.raises(StateError, match=taken), serve(metrics, (host, int(port))):
            pass
    with pytest.raises(OSError, match="refused"), socket.create_connection((host, int(port)), timeout=5):
        pass


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("127.0.0.1:9464", ("127.0.0.1", 9464)),
        ("localhost:9464", ("127.0.0.1", 9464)),
        ("[::1]:9464", ("::1", 9464)),
        ("9464", ("127.0.0.1", 9464)),
    ],
)
def test_an_address_is_host_and_port(text: str, found: tuple[str, int]) -> None:
    assert parse_address(text, public=False) == found


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("0.0.0.0:9464", "other machines could read the metrics"),
        ("[::]:9464", "other machines could read the metrics"),
        ("192.0.2.7:9464", "other machines could read the metrics"),
        ("127.0.0.1:http", "is not an address"),
        ("127.0.0.1:99999", "is not an address"),
        ("9" * 5000, "is not an address"),
        ("example.com:9464", "is not the address of a network interface"),
        ("", "is not an address"),
    ],
)
def test_an_address_that_will_not_do_is_refused(text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        parse_address(text, public=False)


def test_other_machines_read_them_where_that_is_said() -> None:
    assert parse_address("0.0.0.0:9464", public=True) == ("0.0.0.0", 9464)


def test_without_the_library_it_is_told_how_to_get_it(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    metrics: Any = Metrics(rig.app(), rig.store())
    with pytest.raises(UsageError, match="need the library prometheus-client"), serve(metrics, ("127.0.0.1", 0)):
        pass
