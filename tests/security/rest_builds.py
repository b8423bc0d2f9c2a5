"""Builds of the REST interface from which one protection is taken away; see ``web_builds``."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from pydantic import ConfigDict, Field
from starlette.requests import HTTPConnection

from ingestor.documents import SensorDocument
from monitor.queries.database import QueryDatabase
from monitor.queries.sensors import SensorChange, SensorQueries
from monitor.web.api.sensor_routes import SensorsQuery
from monitor.web.auth.cookie import read_token
from monitor.web.auth.sessions import Session
from tests.fault_points import web as points

# In force as long as it lasts.
Build = AbstractContextManager[object]


def rest_of_anybody() -> Build:
    """Tokens are not asked for."""

    async def pass_on() -> None:
        return None

    return points.MAKE_TOKEN_CHECK.replace(lambda _: pass_on)


def any_token() -> Build:
    """Whatever is shown is a token."""
    return points.WHOSE_TOKEN.replace(lambda _, token: Session("viewer") if token else None)


def tokens_for_ever() -> Build:
    """Log-ins have an end, and go on after it."""
    return points.IS_IN.replace(property(lambda _: True))


def no_log_out() -> Build:
    """Who logs out stays."""
    return points.LOG_OUT.replace(lambda *_: None)


def token_in_address() -> Build:
    """A token may be in an address, which is in histories and logs."""

    def find(connection: HTTPConnection) -> str:
        asked = connection.query_params
        return read_token(connection) or asked.get("access_token", "") or asked.get("token", "")

    return points.TOKEN_SHOWN.replace(find)


class AnySites(SensorsQuery):
    """A question in which a site's name is not looked at."""

    site: list[str] = Field([])


class Patterns(SensorQueries):
    """Sensors, for which sites' names are patterns."""

    def __init__(self, database: QueryDatabase) -> None:
        super().__init__(database)
        self._all = database

    async def page(self, sites: Sequence[str], limit: int, after: str = "") -> list[Any]:
        wanted: dict[str, Any] = {"sensor_id": {"$gt": after}}
        if sites:
            wanted["$or"] = [{"site": {"$regex": site}} for site in sites]
        return await self._all.find("sensors", wanted, limit=limit)


@contextmanager
def names_are_patterns() -> Iterator[None]:
    """A site's name is not looked at, and is looked for as a pattern."""
    with points.SENSORS_ASKED.replace(AnySites), points.SENSORS.replace(Patterns):
        yield


class AnyParameter(SensorsQuery):
    """A question of which what nobody knows in it is passed over."""

    model_config = ConfigDict(extra="ignore")


def any_parameter() -> Build:
    """What nobody knows in a question for sensors is passed over."""
    return points.SENSORS_ASKED.replace(AnyParameter)


class Writing(SensorQueries):
    """Sensors that are changed by who asks for one of them."""

    async def one(self, sensor_id: str) -> SensorDocument | None:
        await self.change(sensor_id, SensorChange(threshold_kwh=1.0))
        return await super().one(sensor_id)


def reading_writes() -> Build:
    """Who asks for a sensor changes it."""
    return points.SENSORS.replace(Writing)


BUILDS: dict[str, Callable[[], Build]] = {
    each.__name__: each
    for each in (
        rest_of_anybody,
        any_token,
        tokens_for_ever,
        no_log_out,
        token_in_address,
        names_are_patterns,
        any_parameter,
        reading_writes,
    )
}
