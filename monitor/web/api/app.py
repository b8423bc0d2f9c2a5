"""The REST interface, put together."""

from collections.abc import Mapping

from fastapi import Depends, FastAPI

from monitor.queries.database import QueryDatabase
from monitor.web.api.energy_routes import make_energy_routes
from monitor.web.api.errors import add_error_handlers, problem_responses
from monitor.web.api.health_routes import make_health_routes
from monitor.web.api.list_routes import make_record_routes
from monitor.web.api.sensor_routes import make_sensor_routes
from monitor.web.api.token_routes import make_token_check, make_token_routes
from monitor.web.auth.sessions import Authenticator
from monitor.web.ingestors import IngestorReport

DESCRIPTION = """Sensor readings, alarms and energy for programs. Read-only.

Get a token with `POST /token` and send it as `Authorization: Bearer …`. Times are ISO 8601 with an
offset; answers are in UTC. Lists come in pages: pass `next` of an answer as `after` to get the next page,
until it is null. Every error has a word for programs and a sentence for people. A field is null if it is
unknown, or if somebody changed the document in the database so that it cannot be read.
"""
TAGS = [
    {"name": "token", "description": "Log in and out."},
    {"name": "sensors", "description": "Sensors, and what each has measured."},
    {"name": "measures", "description": "Readings of all sensors."},
    {"name": "alarms", "description": "Active and past alarms."},
    {"name": "energy", "description": "Energy by time, site and sensor."},
    {"name": "rejected", "description": "Payloads that could not be stored as readings."},
    {"name": "health", "description": "State of the system."},
]
ERRORS = problem_responses(
    {401: "No valid token.", 422: "The query cannot be answered.", 503: "The database does not answer."}
)


def make_api(
    database: QueryDatabase, authenticator: Authenticator, reports: Mapping[str, IngestorReport]
) -> FastAPI:
    """Make the application, to be mounted at ``/api/v1``; others keep the ingestors' reports up to date."""
    api = FastAPI(
        title="Energy Monitor",
        version="1.0.0",
        description=DESCRIPTION,
        openapi_tags=TAGS,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=lambda route: route.name,
    )

    async def is_reachable() -> None:
        await database.ping()

    add_error_handlers(api)
    has_token = Depends(make_token_check(authenticator))
    api.include_router(make_token_routes(authenticator))
    api.include_router(make_health_routes(database, reports), dependencies=[has_token], responses=ERRORS)
    for make in (make_sensor_routes, make_record_routes, make_energy_routes):
        # Sums may take a minute: without the ping, one would wait as long for a database that is away.
        dependencies = [has_token, Depends(is_reachable)]
        api.include_router(make(database), dependencies=dependencies, responses=ERRORS)
    return api
