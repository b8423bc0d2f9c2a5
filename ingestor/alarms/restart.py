"""Take up where an earlier process left: what stood, what was not judged, what was not told."""

from broker.topics import SensorKey
from ingestor.alarms.board import Board
from ingestor.alarms.commands import Commands
from ingestor.alarms.history import ReadingHistory
from ingestor.alarms.judge import Judge
from ingestor.alarms.records import AlarmRecords, Known
from ingestor.alarms.refusing import Refusing
from ingestor.alarms.rules import Held
from ingestor.alarms.track import NEVER
from ingestor.documents import AlarmDocument


class Restart:
    """Loads the board.

    Args:
        board: To be filled.
        judge: Told what it must judge anew.
        records: What is kept of alarms.
        history: What is stored of readings.
    """

    def __init__(self, board: Board, judge: Judge, records: AlarmRecords, history: ReadingHistory) -> None:
        self._board = board
        self._judge = judge
        self._records = records
        self._history = history

    async def load(self, refusing: Refusing, commands: Commands) -> None:
        """Fill the board; before any reading."""
        since = await self._records.checkpoint.own()
        if since is None:
            # What was stored before there were alarms raises none.
            since = self._board.clock.now()
            await self._records.checkpoint.set(since)
        for known in await self._records.known():
            self._take_up(known)
        for document in sorted(await self._records.standing(), key=lambda each: each["since"]):
            self._put_up(document)
        for unjudged in await self._history.unjudged(since):
            track = self._board.track(SensorKey(unjudged.site, unjudged.sensor_id))
            self._judge.doubt(track, [], unjudged.since)
        await self._count_refusals(refusing)
        for track in self._board.tracks.values():
            refusing.take_up(track)
            commands.take_up(track)
            self._board.notify_again(track)
            track.settle()
        for document in sorted(await self._records.changed_since(since), key=lambda each: each["changed_at"]):
            # Perhaps nobody was told of it; whoever was hears it twice.
            self._board.tell_again(document)

    def _take_up(self, known: Known) -> None:
        track = self._board.track(SensorKey(known.site, known.sensor_id))
        track.at = known.last_reading or NEVER
        track.is_away, track.shelved = known.is_away, known.shelved or None
        track.is_primed = not track.fold.rules.looks_back
        if known.interval_s is not None:
            track.interval_s, track.to_learn = known.interval_s, 0
            self._board.to_watch.append(track)

    def _put_up(self, document: AlarmDocument) -> None:
        """List an episode; one that goes on before one that is over, and else the newer."""
        track = self._board.track(SensorKey(document["site"], document["sensor_id"]))
        rule = document["rule"]
        if document["cleared_at"] is not None and track.is_active(rule):
            return
        track.standing = {**(track.standing or {}), rule: document}
        if rule == "overconsumption" and document["cleared_at"] is None:
            track.fold.held = Held(since=document["since"])

    async def _count_refusals(self, refusing: Refusing) -> None:
        since = self._board.clock.now() - self._board.config.longest_quiet()
        for refused in await self._records.refused_since(since):
            refusing.refused(*refused)
