"""What people say to alarms: acknowledge, shelve."""

from datetime import timedelta
from typing import get_args

from pydantic import ValidationError
from pydantic_core import from_json

from broker.alarm_messages import Acknowledge, Shelve
from broker.escape import escape_truncated
from broker.topics import SensorKey
from ingestor.alarms.board import Board
from ingestor.alarms.rulebook import RuleName
from ingestor.alarms.track import Shelf, Track
from ingestor.validate import explain

FORMS = '{"acknowledge": "<alarm id>"} or {"shelve": "<rule>", "minutes": 60}, and perhaps "user"'
MAX_SHOWN = 64
NAMES = get_args(RuleName)

Command = Acknowledge | Shelve


def read_command(payload: bytes) -> Command | str:
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
        detail = error.errors(include_url=False)[0]
        if not isinstance(content, dict) or detail["type"] in {"missing", "extra_forbidden"}:
            return f"a command is {FORMS}"
        return explain(detail)
    if isinstance(command, Shelve) and command.shelve not in NAMES:
        return f"there is no such rule; there are {', '.join(NAMES)}"
    return command


def _shown(level: str) -> str:
    """A level of a topic, which may be anything, and long."""
    return escape_truncated(level, MAX_SHOWN)


class Commands:
    """Carries out commands.

    Args:
        board: The tracks.

    Attributes:
        unwritten: The sensors whose shelves are not written down yet.
    """

    def __init__(self, board: Board) -> None:
        self._board = board
        self._shelving: set[str] = set()
        self.unwritten: set[str] = set()

    def obey(self, place: SensorKey, command: Command) -> str | None:
        """Carry out a command that was given to a sensor.

        Returns:
            None; or in one sentence why it cannot be carried out.
        """
        track = self._board.tracks.get(place.name)
        if track is None or place not in self._board.places(track):
            return f"no sensor {_shown(place.name)} of site {_shown(place.site)} is known"
        if isinstance(command, Acknowledge):
            for document in (track.standing or {}).values():
                if document["_id"] == command.acknowledge and document["site"] == place.site:
                    self._board.acknowledge(track, document, command.user)
                    return None
            return f"no standing alarm of {place.name} has this id; it may be over"
        until = self._board.clock.now() + timedelta(minutes=command.minutes)
        track.shelved = {**(track.shelved or {}), command.shelve: Shelf(until, command.user)}
        self.take_up(track)
        self.unwritten.add(place.name)
        return None

    def take_up(self, track: Track) -> None:
        """Look after a sensor of which something is shelved."""
        if track.shelved:
            self._shelving.add(track.place.name)

    def tick(self) -> None:
        """Take down what was shelved long enough, and tell again what still stands of it."""
        now = self._board.clock.now()
        for sensor_id in list(self._shelving):
            track = self._board.tracks[sensor_id]
            shelves = track.shelved or {}
            over = [rule for rule, shelf in shelves.items() if shelf.until <= now]
            if not over:
                continue
            track.shelved = {rule: shelf for rule, shelf in shelves.items() if rule not in over} or None
            self.unwritten.add(sensor_id)
            if track.shelved is None:
                self._shelving.discard(sensor_id)
            for rule in over:
                self._board.remind(track, rule)
            self._board.say_state(track)
