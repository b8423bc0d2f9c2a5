"""What the ingestor says of itself over HTTP: /live, /ready and /metrics (Prometheus)."""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from typing import cast

from aiohttp import web
from aiohttp.http import HttpProcessingError
from aiohttp.typedefs import Handler, Middleware
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from broker.program.connection_limit import ConnectionLimit
from broker.program.hosts import HostNames
from ingestor.status import IngestorState

MAX_CONNECTIONS = 100
# All that comes on a connection: it is for one request, which has no body.
MAX_REQUEST_BYTES = 32 * 1024
MAX_HEADERS = 64
MAX_HEADER_BYTES = 2048

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
            "energy_deferred", "Of the pending, payloads that are set aside.", value=counters.deferred
        )
        yield GaugeMetricFamily(
            "energy_sensors_waiting",
            "Sensors and nodes of which the news is not written yet.",
            value=len(self._state.sensor_updates),
        )
        for name, is_there in self._state.dependencies().items():
            yield GaugeMetricFamily(f"energy_{name}_up", f"Whether the {name} answers.", value=is_there)


@asynccontextmanager
async def serve_health(endpoint: str | None, state: IngestorState, hosts: str | None) -> AsyncIterator[None]:
    """Serve while the context is open; does nothing without an endpoint.

    Args:
        endpoint: ``host:port``.
        state: What to tell.
        hosts: Names by which it may be called, besides those of this machine.

    Raises:
        HealthAddressError: The port is taken or the host is not this machine's.
    """
    if endpoint is None:
        yield
        return
    logging.getLogger("aiohttp.server").addFilter(_is_our_error)
    with _listen(endpoint) as listener:
        app = web.Application(middlewares=[_make_middleware(HostNames(endpoint, hosts))])
        app.add_routes(_make_routes(state))
        runner = web.AppRunner(
            app,
            access_log=None,
            auto_decompress=False,
            max_line_size=MAX_HEADER_BYTES,
            max_field_size=MAX_HEADER_BYTES,
            max_headers=MAX_HEADERS,
        )
        await runner.setup()
        # Set up, it has one.
        make = cast("web.Server", runner.server)
        limit = ConnectionLimit(listener, lambda _: _BoundedRequest(make()), most=MAX_CONNECTIONS)
        accepting = asyncio.create_task(limit.serve(), name="health.accept")
        try:
            yield
        finally:
            accepting.cancel()
            with suppress(asyncio.CancelledError):
                await accepting
            await runner.cleanup()


class _BoundedRequest(asyncio.Protocol):
    """Hands on what comes of one request, and hangs up when it is too much.

    aiohttp goes on reading after an error, and each error keeps what was read until the next garbage
    collection: hundreds of MiB of headers without an end.
    """

    def __init__(self, handler: web.RequestHandler) -> None:
        self._handler = handler
        self._left_bytes = MAX_REQUEST_BYTES
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._handler.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        self._left_bytes -= len(data)
        if self._left_bytes >= 0:
            self._handler.data_received(data)
        elif self._transport is not None:
            self._transport.abort()

    def eof_received(self) -> None:
        self._handler.eof_received()

    def connection_lost(self, exc: BaseException | None) -> None:
        self._handler.connection_lost(exc)

    def pause_writing(self) -> None:
        self._handler.pause_writing()

    def resume_writing(self) -> None:
        self._handler.resume_writing()


def _is_our_error(record: logging.LogRecord) -> bool:
    """Whether a line belongs in the log: strangers must not fill it by requests that are no HTTP."""
    return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))


def _make_routes(state: IngestorState) -> list[web.RouteDef]:
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

    return [web.get("/live", live), web.get("/ready", ready), web.get("/metrics", metrics)]


def _make_middleware(names: HostNames) -> Middleware:
    @web.middleware
    async def answer_once(request: web.Request, handler: Handler) -> web.StreamResponse:
        reason = names.rejection(request.headers.get("Host", ""))
        answer = web.Response(status=421, text=reason) if reason else await handler(request)
        # Nobody keeps a connection between two answers.
        answer.force_close()
        return answer

    return answer_once


def _listen(endpoint: str) -> socket.socket:
    host, port = endpoint.rsplit(":", 1)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host.strip("[]"), int(port)), family=family)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise HealthAddressError(f"cannot listen on {endpoint} ({reason}); give another --http") from error
