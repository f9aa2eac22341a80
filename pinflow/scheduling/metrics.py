"""How the schedule does, for Prometheus: on loopback, read from the table whenever somebody asks.

Needs the library prometheus-client (``pip install 'pinflow[metrics]'``), which is
imported only here, and only where metrics were asked for.
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
    from pinflow.scheduling.events import Told
    from pinflow.state.folder.occurrences import Table

_OUTCOMES = ("done", "failed", "paused", "left", "lost", "skipped")


def address(text: str, *, public: bool) -> tuple[str, int]:
    """Host and port of ``127.0.0.1:9464``, ``[::1]:9464`` or ``9464``.

    Raises UsageError for what is none, and for a host that other machines reach unless ``public``.
    """
    host, colon, digits = text.rpartition(":")
    host = host.strip("[]") if colon else "127.0.0.1"
    host = "127.0.0.1" if host == "localhost" else host
    if not (digits.isascii() and digits.isdecimal() and len(digits) < 6 and int(digits) < 65_536):
        raise UsageError(f"{text!r} is no address", hint="write it like 127.0.0.1:9464")
    try:
        loopback = ip_address(host).is_loopback
    except ValueError:
        raise UsageError(
            f"{host!r} is no address of a network interface", hint="write it like 127.0.0.1:9464"
        ) from None
    if not (loopback or public):
        raise UsageError(
            f"other machines could read the metrics at {text}",
            hint="use 127.0.0.1, or say that this is meant with --metrics-public",
        )
    return host, int(digits)


class Metrics:
    """What the daemon counts since it began, and what the table says now. Thread-safe."""

    def __init__(self, app: App, table: Table) -> None:
        self._app = app
        self._table = table
        self._lock = threading.Lock()
        self._runs: Counter[tuple[str, str]] = Counter()  # (job, outcome)
        self._seconds: dict[str, float] = defaultdict(float)  # of runs that ended, by job
        self._began = app.now()

    def counting(self, tell: Callable[[Told], None]) -> Callable[[Told], None]:
        """``tell``, and what it is told of counted."""

        def both(told: Told) -> None:
            if told.kind in _OUTCOMES:
                with self._lock:
                    self._runs[told.job, told.kind] += told.count or 1
                    self._seconds[told.job] += told.seconds
            tell(told)

        return both

    def collect(self) -> Iterator[Any]:
        """Every metric, as the library takes them."""
        core = import_module("prometheus_client.core")
        yield from self._counted(core)
        yield from self._looked_up(core)

    def _counted(self, core: Any) -> Iterator[Any]:
        runs = core.CounterMetricFamily(
            "pinflow_runs", "Runs that ended since the daemon began, by outcome", labels=["job", "outcome"]
        )
        seconds = core.CounterMetricFamily("pinflow_run_seconds", "How long they took in all", labels=["job"])
        with self._lock:
            for labels, number in self._runs.items():
                runs.add_metric(labels, number)
            for job, number_of_seconds in self._seconds.items():
                seconds.add_metric([job], number_of_seconds)
        yield from (runs, seconds)
        yield core.GaugeMetricFamily("pinflow_start_time_seconds", "When the daemon began", value=self._began)

    def _looked_up(self, core: Any) -> Iterator[Any]:
        from pinflow.scheduling.health import starts_of, status_of

        def gauge(name: str, about: str, value: float) -> Any:
            return core.GaugeMetricFamily(name, about, value=value)

        try:
            now = status_of(self._app, self._table)
        except StateError:  # whoever watches must see that, and not an endpoint that is gone
            yield gauge("pinflow_table_readable", "Whether the schedule's table can be read", 0)
            return
        yield gauge("pinflow_table_readable", "Whether the schedule's table can be read", 1)
        yield gauge("pinflow_problems", "What pinflow schedule status complains of", len(now.problems))
        yield gauge("pinflow_jobs", "Scheduled jobs", len(now.jobs))
        yield gauge(
            "pinflow_jobs_paused", "Jobs that people have paused", sum(row.paused is not None for row in now.jobs)
        )
        yield gauge("pinflow_notices_open", "What people were told of and is not over", len(self._app.notices.open()))
        if now.beat is not None:
            yield gauge("pinflow_heartbeat_time_seconds", "The last sign of life", now.beat.at)
        states = core.GaugeMetricFamily("pinflow_occurrences", "Times that are not seen to, by state", labels=["state"])
        for state, rows in (("running", now.running), ("waiting", now.waiting), ("paused", now.paused)):
            states.add_metric([state], len(rows))
        failures = core.GaugeMetricFamily("pinflow_job_failures", "Failures in a row", labels=["job"])
        for row in now.jobs:
            failures.add_metric([row.name], row.failures)
        starts = core.GaugeMetricFamily("pinflow_job_next_start_time_seconds", "When it starts next", labels=["job"])
        for start, name in starts_of(now.jobs):
            starts.add_metric([name], start)
        yield from (states, failures, starts)


@contextmanager
def served(metrics: Metrics, where: tuple[str, int]) -> Iterator[str]:
    """Answer whoever asks there, meanwhile; the URL.

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
    host, port = where
    try:
        server, thread = library.start_http_server(port, addr=host, registry=registry)
    except OSError as error:
        raise StateError(
            f"nothing can listen at {host}:{port}: {error.strerror}",
            hint="end what listens there, or take another port",
        ) from error
    try:
        shown = f"[{host}]" if ":" in host else host
        yield f"http://{shown}:{server.server_port}/metrics"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
