"""Somebody who hears the alarms of a sensor, and gives commands."""

import json
from pathlib import Path
from typing import Any

from tests.servers import Site, Wire, eventually


class Listener:
    """Hears a sensor's alarms, and gives its commands."""

    def __init__(self, viewer: Wire, operator: Wire, place: Site) -> None:
        self.viewer = viewer
        self.operator = operator
        self.place = place

    @property
    def states(self) -> list[dict[str, Any]]:
        topic = f"energy/alarms/{self.place.site}/{self.place.sensor}"
        return [json.loads(each.payload) for each in self.viewer.messages if each.topic == topic]

    @property
    def standing(self) -> dict[str, dict[str, Any]]:
        return {each["rule"]: each for each in self.states[-1]["alarms"]} if self.states else {}

    async def until(self, *rules: str, seconds: float = 20) -> dict[str, dict[str, Any]]:
        """Wait until exactly these stand."""
        await eventually(lambda: bool(self.states) and set(self.standing) == set(rules), seconds)
        return self.standing

    async def command(self, **command: object) -> None:
        topic = f"energy/commands/{self.place.site}/{self.place.sensor}"
        await self.operator.publish(topic, json.dumps(command))

    def episodes(self) -> list[dict[str, Any]]:
        found = self.place.database.alarms.find({"site": self.place.site, "retracted_at": None})
        return list(found.sort("since", 1))


def write(rules: Path, text: str) -> None:
    """As an editor does that writes into the file."""
    rules.write_text(text)
