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
    from collections.abc import Callable, Iterable, Iterator, Sequence

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
        with self._lock:
            runs = list(self._runs.items())
            seconds = [((job,), duration) for job, duration in self._seconds.items()]
        about = "Runs that ended since the daemon began, by outcome"
        yield _labelled(core.CounterMetricFamily("pinflow_runs", about, labels=["job", "outcome"]), runs)
        about = "How long they took in total"
        yield _labelled(core.CounterMetricFamily("pinflow_run_seconds", about, labels=["job"]), seconds)
        yield core.GaugeMetricFamily("pinflow_start_time_seconds", "When the daemon began", value=self._began)

    def _schedule_metrics(self, core: Any) -> Iterator[Any]:
        from pinflow.scheduling.health import next_starts, read_status

        def gauge(name: str, about: str, value: float) -> Any:
            return core.GaugeMetricFamily(name, about, value=value)

        def gauges(name: str, about: str, label: str, values: Iterable[tuple[str, float]]) -> Any:
            family = core.GaugeMetricFamily(name, about, labels=[label])
            return _labelled(family, (((key,), value) for key, value in values))

        try:
            status = read_status(self._app, self._store)
        except StateError:  # a monitor must see that, not an endpoint that is gone
            yield gauge("pinflow_table_readable", "Whether the schedule's table can be read", 0)
            return
        yield gauge("pinflow_table_readable", "Whether the schedule's table can be read", 1)
        yield gauge("pinflow_problems", "Problems that pinflow schedule status reports", len(status.problems))
        yield gauge("pinflow_jobs", "Scheduled jobs", len(status.jobs))
        paused = sum(row.paused is not None for row in status.jobs)
        yield gauge("pinflow_jobs_paused", "Jobs paused by a person", paused)
        yield gauge("pinflow_notices_open", "Open alerts", len(self._app.notices.open()))
        if status.beat is not None:
            yield gauge("pinflow_heartbeat_time_seconds", "The last sign of life", status.beat.at)
        states = [("running", len(status.running)), ("waiting", len(status.waiting)), ("paused", len(status.paused))]
        yield gauges("pinflow_occurrences", "Occurrences not ended, by state", "state", states)
        failures = ((row.name, row.failures) for row in status.jobs)
        yield gauges("pinflow_job_failures", "Failures in a row", "job", failures)
        starts = ((name, start) for start, name in next_starts(status.jobs))
        yield gauges("pinflow_job_next_start_time_seconds", "When it starts next", "job", starts)


def _labelled(family: Any, values: Iterable[tuple[Sequence[str], float]]) -> Any:
    """A metric with a value for each of these labels."""
    for labels, value in values:
        family.add_metric(labels, value)
    return family


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
