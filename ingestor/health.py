"""What the ingestor says of itself over HTTP: /live, /ready and /metrics (Prometheus)."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

from aiohttp import web
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from ingestor.status import IngestorState

METRICS = {
    "received": "Readings that came from the broker.",
    "stored": "Readings stored by this process.",
    "duplicates": "Readings that were stored before.",
    "rejected": "Readings that were rejected and kept with a reason.",
    "alerts": "Alerts published.",
    "late": "Readings older than ten minutes at arrival.",
    "flooded": "Of the rejected, those that came too fast to be kept, and were only counted.",
    "turned_away": "Deliveries left with the broker because the queue was full.",
}


class HealthAddressError(Exception):
    """Raised when the address for HTTP cannot be used."""


class _CounterCollector(Collector):
    """Shows the counters as Prometheus counters."""

    def __init__(self, state: IngestorState) -> None:
        self._state = state

    def collect(self) -> Iterator[Metric]:
        counters = self._state.counters
        for name, meaning in METRICS.items():
            yield CounterMetricFamily(f"energy_{name}", meaning, value=getattr(counters, name))
        yield GaugeMetricFamily(
            "energy_pending", "Readings neither stored nor rejected yet.", value=counters.pending
        )
        yield GaugeMetricFamily(
            "energy_sensors_waiting",
            "Sensors and nodes of which the news is not written yet.",
            value=len(self._state.sensor_updates),
        )
        for name, is_there in self._state.dependencies().items():
            yield GaugeMetricFamily(f"energy_{name}_up", f"Whether the {name} answers.", value=is_there)


@asynccontextmanager
async def serve_health(endpoint: str | None, state: IngestorState) -> AsyncIterator[None]:
    """Serve while the context is open; does nothing without an endpoint.

    Args:
        endpoint: ``host:port``.
        state: What to tell.

    Raises:
        HealthAddressError: The port is taken or the host is not this machine's.
    """
    if endpoint is None:
        yield
        return
    registry = CollectorRegistry()
    registry.register(_CounterCollector(state))
    ProcessCollector(registry=registry)

    async def live(_: web.Request) -> web.Response:
        return web.json_response({"live": True})

    async def ready(_: web.Request) -> web.Response:
        dependencies = state.dependencies()
        is_ready = all(dependencies.values())
        return web.json_response({"ready": is_ready, **dependencies}, status=200 if is_ready else 503)

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    app = web.Application()
    app.add_routes([web.get("/live", live), web.get("/ready", ready), web.get("/metrics", metrics)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    host, port = endpoint.rsplit(":", 1)
    try:
        await web.TCPSite(runner, host.strip("[]"), int(port)).start()
    except (OSError, OverflowError) as error:
        await runner.cleanup()
        reason = getattr(error, "strerror", None) or str(error)
        raise HealthAddressError(f"cannot listen on {endpoint} ({reason}); give another --http") from error
    try:
        yield
    finally:
        await runner.cleanup()
