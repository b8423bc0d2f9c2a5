"""What people say to alarms: acknowledge, shelve."""

from datetime import timedelta

from pydantic import ValidationError
from pydantic_core import from_json

from broker.alarm_messages import Acknowledge, Shelve
from broker.program.escape import escape_truncated
from broker.program.validation_errors import first_error
from broker.topics import SensorKey
from ingestor.alarms.manager import AlarmManager
from ingestor.alarms.rules.rule_settings import RULE_NAMES
from ingestor.alarms.sensor_state import SensorState
from ingestor.decode.explanations import explain
from ingestor.documents import Shelf

FORMS = '{"acknowledge": "<alarm id>"} or {"shelve": "<rule>", "minutes": 60}, and perhaps "user"'
MAX_SHOWN = 64

AlarmCommand = Acknowledge | Shelve


def read_command(payload: bytes) -> AlarmCommand | str:
    """Read a command.

    Returns:
        It, or in one sentence what is wrong with it.
    """
    try:
        content = from_json(payload)
    except ValueError:
        content = None
    form = Shelve if isinstance(content, dict) and "shelve" in content else Acknowledge
    try:
        command = form.model_validate_json(payload)
    except ValidationError as error:
        detail = first_error(error)
        if not isinstance(content, dict) or detail["type"] in {"missing", "extra_forbidden"}:
            return f"a command is {FORMS}"
        return explain(detail)
    if isinstance(command, Shelve) and command.shelve not in RULE_NAMES:
        return f"there is no such rule; there are {', '.join(RULE_NAMES)}"
    return command


class AlarmCommands:
    """Carries out commands.

    Args:
        manager: The sensors.

    Attributes:
        unwritten: The sensors whose shelves are not written down yet.
    """

    def __init__(self, manager: AlarmManager) -> None:
        self._manager = manager
        self._shelving: set[str] = set()
        self.unwritten: set[str] = set()

    def execute(self, key: SensorKey, command: AlarmCommand) -> str | None:
        """Carry out a command that was given to a sensor.

        Returns:
            None; or in one sentence why it cannot be carried out.
        """
        sensor = self._manager.sensors.get(key.name)
        if sensor is None or key not in self._manager.keys(sensor):
            # Levels of a topic, which may be anything, and long.
            name, site = (escape_truncated(level, MAX_SHOWN) for level in (key.name, key.site))
            return f"no sensor {name} of site {site} is known"
        if isinstance(command, Acknowledge):
            for document in sensor.alarms.values():
                if document["_id"] == command.acknowledge and document["site"] == key.site:
                    self._manager.acknowledge(sensor, document, command.user)
                    return None
            return f"no standing alarm of {key.name} has this id; it may be over"
        until = self._manager.clock.now() + timedelta(minutes=command.minutes)
        sensor.shelved = {**sensor.shelved, command.shelve: Shelf(until=until, user=command.user)}
        self.resume(sensor)
        self.unwritten.add(key.name)
        return None

    def resume(self, sensor: SensorState) -> None:
        """Look after a sensor of which something is shelved."""
        if sensor.shelved:
            self._shelving.add(sensor.key.name)

    def tick(self) -> None:
        """Take down what was shelved long enough, and tell again what still stands of it."""
        now = self._manager.clock.now()
        for sensor_id in list(self._shelving):
            sensor = self._manager.sensors[sensor_id]
            over = [rule for rule, shelf in sensor.shelved.items() if shelf["until"] <= now]
            if not over:
                continue
            sensor.shelved = {rule: shelf for rule, shelf in sensor.shelved.items() if rule not in over}
            self.unwritten.add(sensor_id)
            if not sensor.shelved:
                self._shelving.discard(sensor_id)
            for rule in over:
                self._manager.notify(sensor, rule)
            self._manager.publish_state(sensor)
