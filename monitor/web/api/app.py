"""The REST interface, put together."""

from collections.abc import Callable

from fastapi import Depends, FastAPI
from fastapi.routing import APIRoute

from monitor.queries.database import Database
from monitor.web.api.energy_routes import make_energy_routes
from monitor.web.api.errors import add_error_handlers, problem_responses
from monitor.web.api.health_routes import make_health_routes
from monitor.web.api.ingestor_models import IngestorCounters
from monitor.web.api.list_routes import make_record_routes
from monitor.web.api.sensor_routes import make_sensor_routes
from monitor.web.api.token_routes import make_token_check, make_token_routes
from monitor.web.auth.sessions import Authenticator

DESCRIPTION = """What sensors have measured, for programs. It can be read, not changed.

Get a token with `POST /token` and send it as `Authorization: Bearer …`. Times are ISO 8601 with an
offset; answers have them in UTC. Lists come in pages: give the `next` of an answer as `after` to get the
next one, until it is null. An error is always a word for programs and a sentence for people. A field that
is null is not known, or somebody has spoiled it in the database.
"""
TAGS = [
    {"name": "token", "description": "Log in and out."},
    {"name": "sensors", "description": "Which sensors there are, and what each has measured."},
    {"name": "measures", "description": "Readings of all sensors."},
    {"name": "alarms", "description": "What is not as it should be, or was not."},
    {"name": "energy", "description": "How much was used when, and by whom."},
    {"name": "rejected", "description": "What was sent and could not be stored as a reading."},
    {"name": "health", "description": "Whether all is well."},
]


def make_api(
    database: Database, authenticator: Authenticator, ingestors: Callable[[], list[IngestorCounters]]
) -> FastAPI:
    """Make the application, to be mounted at ``/api/v1``.

    Args:
        database: Where the answers are.
        authenticator: Who may ask.
        ingestors: What ingestors say of themselves.
    """
    api = FastAPI(
        title="Energy Monitor",
        version="1.0.0",
        description=DESCRIPTION,
        openapi_tags=TAGS,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=_name,
    )

    async def answers() -> None:
        await database.ping()

    add_error_handlers(api)
    known = Depends(make_token_check(authenticator))
    api.include_router(make_token_routes(authenticator))
    api.include_router(
        make_health_routes(database, ingestors), dependencies=[known], responses=problem_responses()
    )
    for make in (make_sensor_routes, make_record_routes, make_energy_routes):
        # Sums may take a minute: without this, one would wait as long for a database that is not there.
        api.include_router(
            make(database), dependencies=[known, Depends(answers)], responses=problem_responses()
        )
    return api


def _name(route: APIRoute) -> str:
    return route.name
