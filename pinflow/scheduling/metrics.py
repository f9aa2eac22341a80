"""Metrics of the schedule for Prometheus: on loopback, read from the store at each request.

Needs the library prometheus-client (``pip install 'pinflow[metrics]'``), which is
imported only here, and only where metrics are enabled.
"""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from contextlib import contextmanager
from importlib import import_module
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from pinflow.errors import StateError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pinflow.app import App
    from pinflow.scheduling.events import ScheduleEvent
    from pinflow.state.protocol import ScheduleStore

_OUTCOMES = ("done", "failed", "paused", "left", "lost", "skipped")


def parse_address(text: str, *, public: bool) -> tuple[str, int]:
    """Host and port of ``127.0.0.1:9464``, ``[::1]:9464`` or ``9464``.

    Raises UsageError for anything else, and for a host that other machines reach unless ``public``.
    """
    host, colon, digits = text.rpartition(":")
    host = host.strip("[]") if colon else "127.0.0.1"
    host = "127.0.0.1" if host == "localhost" else host
    if not (digits.isascii() and digits.isdecimal() and len(digits) < 6 and int(digits) < 65_536):
        raise UsageError(f"{text!r} is not an address", hint="write it like 127.0.0.1:9464")
    try:
        loopback = ip_address(host).is_loopback
    except ValueError:
        raise UsageError(
            f"{host!r} is not the address of a network interface", hint="write it like 127.0.0.1:9464"
        ) from None
    if not (loopback or public):
        raise UsageError(
            f"other machines could read the metrics at {text}", hint="use 127.0.0.1, or allow it with --metrics-public"
        )
    return host, int(digits)


class Metrics:
    """What the daemon counted since it began, and what the store says now. Thread-safe."""

    def __init__(self, app: App, store: ScheduleStore) -> None:
        self._app = app
        self._store = store
        self._lock = threading.Lock()  # the daemon counts while a request reads
        self._runs: Counter[tuple[str, str]] = Counter()  # (job, outcome)
        self._seconds: dict[str, float] = defaultdict(float)  # of runs that ended, by job
        self._began = app.now()

    def counter(self, report: Callable[[ScheduleEvent], None]) -> Callable[[ScheduleEvent], None]:
        """A listener that counts events and hands them on to ``report``."""

        def count(event: ScheduleEvent) -> None:
            if event.kind in _OUTCOMES:
                with self._lock:
                    self._runs[event.job, event.kind] += event.count or 1
                    self._seconds[event.job] += event.seconds
            report(event)

        return count

    def collect(self) -> Iterator[Any]:
        """Every metric, in the library's classes."""
        core = import_module("prometheus_client.core")
        yield from self._run_metrics(core)
        yield from self._schedule_metrics(core)

    def _run_metrics(self, core: Any) -> Iterator[Any]:
        runs = core.CounterMetricFamily(
            "pinflow_runs", "Runs that ended since the daemon began, by outcome", labels=["job", "outcome"]
        )
        seconds = core.CounterMetricFamily("pinflow_run_seconds", "How long they took in total", labels=["job"])
        with self._lock:
            for labels, number in self._runs.items():
                runs.add_metric(labels, number)
            for job, duration in self._seconds.items():
                seconds.add_metric([job], duration)
        yield from (runs, seconds)
        yield core.GaugeMetricFamily("pinflow_start_time_seconds", "When the daemon began", value=self._began)

    def _schedule_metrics(self, core: Any) -> Iterator[Any]:
        from pinflow.scheduling.health import next_starts, read_status

        def gauge(name: str, about: str, value: float) -> Any:
            return core.GaugeMetricFamily(name, about, value=value)

        try:
            status = read_status(self._app, self._store)
        except StateError:  # a monitor must see that, not an endpoint that is gone
            yield gauge("pinflow_table_readable", "Whether the schedule's table can be read", 0)
            return
        yield gauge("pinflow_table_readable", "Whether the schedule's table can be read", 1)
        yield gauge("pinflow_problems", "Problems that pinflow schedule status reports", len(status.problems))
        yield gauge("pinflow_jobs", "Scheduled jobs", len(status.jobs))
        yield gauge(
            "pinflow_jobs_paused", "Jobs paused by a person", sum(row.paused is not None for row in status.jobs)
        )
        yield gauge("pinflow_notices_open", "Open alerts", len(self._app.notices.open()))
        if status.beat is not None:
            yield gauge("pinflow_heartbeat_time_seconds", "The last sign of life", status.beat.at)
        states = core.GaugeMetricFamily("pinflow_occurrences", "Occurrences not ended, by state", labels=["state"])
        for state, rows in (("running", status.running), ("waiting", status.waiting), ("paused", status.paused)):
            states.add_metric([state], len(rows))
        failures = core.GaugeMetricFamily("pinflow_job_failures", "Failures in a row", labels=["job"])
        for row in status.jobs:
            failures.add_metric([row.name], row.failures)
        starts = core.GaugeMetricFamily("pinflow_job_next_start_time_seconds", "When it starts next", labels=["job"])
        for start, name in next_starts(status.jobs):
            starts.add_metric([name], start)
        yield from (states, failures, starts)


@contextmanager
def serve(metrics: Metrics, address: tuple[str, int]) -> Iterator[str]:
    """Serve the metrics at host and port inside the block; the URL.

    Raises UsageError without the library, and StateError for a port that is taken.
    """
    try:
        library = import_module("prometheus_client")
    except ImportError:
        raise UsageError(
            "metrics need the library prometheus-client", hint="get it with: pip install 'pinflow[metrics]'"
        ) from None
    registry = library.CollectorRegistry(auto_describe=False)
    registry.register(metrics)
    host, port = address
    try:
        server, thread = library.start_http_server(port, addr=host, registry=registry)
    except OSError as error:
        raise StateError(
            f"can't listen at {host}:{port}: {error.strerror}", hint="stop what listens there, or use another port"
        ) from error
    try:
        shown = f"[{host}]" if ":" in host else host
        yield f"http://{shown}:{server.server_port}/metrics"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
