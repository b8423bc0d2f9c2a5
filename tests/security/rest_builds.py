"""Builds of the REST interface from which one protection is taken away; see ``web_builds``."""

import sys
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

from starlette.requests import HTTPConnection

from ingestor.documents import SensorDocument
from monitor.queries.sensors import Sensors
from monitor.web import access, gate
from monitor.web.access import Access, Person
from monitor.web.api import app, inputs, sensor_routes
from monitor.web.api.inputs import Asked
from monitor.web.cookie import token_of

SHORT_S = 4


def rest_of_anybody() -> None:
    """Tokens are not asked for."""

    async def pass_on() -> None:
        return None

    patch.object(app, "make_check", lambda _: pass_on).start()


def any_token() -> None:
    """Whatever is shown is a token."""
    patch.object(Access, "whose", lambda _, token: Person("viewer") if token else None).start()


def tokens_for_ever() -> None:
    """Log-ins have an end, and go on after it."""
    patch.object(access, "STAY_S", SHORT_S).start()
    patch.object(Person, "is_in", property(lambda _: True)).start()


def no_log_out() -> None:
    """Who logs out stays."""
    patch.object(Access, "log_out", lambda *_: None).start()


def token_in_address() -> None:
    """A token may be in an address, which is in histories and logs."""

    def find(connection: HTTPConnection) -> str:
        asked = connection.query_params
        return token_of(connection) or asked.get("access_token", "") or asked.get("token", "")

    patch.object(gate, "token_of", find).start()


def names_are_patterns() -> None:
    """A site's name is not looked at, and is looked for as a pattern."""
    for asked in (inputs.OfSites, sensor_routes.SensorsAsked):
        field = asked.model_fields["site"]
        field.annotation, field.metadata = list[str], []
        asked.model_rebuild(force=True)

    async def page(self: Sensors, sites: list[str], limit: int, after: str = "") -> list[Any]:
        wanted: dict[str, Any] = {"sensor_id": {"$gt": after}}
        if sites:
            wanted["$or"] = [{"site": {"$regex": site}} for site in sites]
        return await self._sensors.find(wanted).limit(limit).to_list(limit)

    patch.object(Sensors, "page", page).start()


def any_parameter() -> None:
    """What nobody knows in a question is passed over."""
    # Inherited by all questions, which are made after this.
    for name in [each for each in sys.modules if each.startswith("monitor.web.api.")]:
        for kind in vars(sys.modules[name]).values():
            if isinstance(kind, type) and issubclass(kind, Asked):
                kind.model_config["extra"] = "ignore"
                kind.model_rebuild(force=True)


def reading_writes() -> None:
    """Who asks for a sensor changes it."""
    one = Sensors.one

    async def write(self: Sensors, sensor_id: str) -> SensorDocument | None:
        await self.change(sensor_id, {"threshold_kwh": 1.0})
        return await one(self, sensor_id)

    patch.object(Sensors, "one", write).start()


BUILDS: dict[str, Callable[[], None]] = {
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
