"""Fold a sensor's rules anew over what is stored, and put its episodes right.

Needed when a reading came that is older than one that was judged already, and at a restart. What was
before the moment of doubt is certain: which episodes went on then is in `alarms`, and how far the
rules were on their way to a change is found by reading back as far as that matters, and no further.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import cast

from ingestor.alarms.board import Board, Correction
from ingestor.alarms.episode import note_peak, stands
from ingestor.alarms.fold import READING_RULES, Fold, History
from ingestor.alarms.history import Enough, ReadingHistory
from ingestor.alarms.judge import Judge, to_episode, to_point
from ingestor.alarms.records import AlarmRecords
from ingestor.alarms.rules import Held, Span, is_calm, period_of, to_nano
from ingestor.alarms.track import NEVER, Track
from ingestor.documents import AlarmDocument, Measure, is_late
from ingestor.flag import threshold_of
from ingestor.sensors import Sensors

Episodes = dict[str, AlarmDocument]


class Rebuild:
    """Folds anew.

    Args:
        board: The tracks.
        judge: Who judges what comes meanwhile.
        records: What is kept of alarms.
        history: What is stored of readings.
        sensors: Told of the readings, which an earlier process perhaps left behind.
    """

    def __init__(
        self, board: Board, judge: Judge, records: AlarmRecords, history: ReadingHistory, sensors: Sensors
    ) -> None:
        self._board = board
        self._sensors = sensors
        self._judge = judge
        self._records = records
        self._history = history

    async def settle(self, track: Track) -> None:
        """Put one sensor right, from its moment of doubt on.

        Everything that was changed on the board before must be written down.
        """
        sensor_id, since = track.place.name, track.doubt or NEVER
        found = await self._records.around(sensor_id, READING_RULES, since)
        before = _Before(self._history, self._board, track, found, since)
        fold, active = await before.fold(), await before.active()
        # What came by now and is not found below was taken out of the database by somebody.
        asked = {each["timestamp"] for each in track.pending or [] if each["timestamp"] >= since}
        measures = await self._history.since(sensor_id, since)
        self._sensors.saw(measures)
        if fold.rules is not self._board.config.of(*track.place):
            return  # there are new rules since: it stays in doubt, and is folded once more
        computed = self._fold(track, fold, active, measures)
        affected = {each["_id"]: each for each in found if each["retracted_at"] or not _is_over(each, since)}
        self._apply(track, affected, computed)
        self._go_on(track, fold, measures, asked)

    def _fold(
        self, track: Track, fold: Fold, active: Episodes, measures: Sequence[Measure]
    ) -> list[AlarmDocument]:
        """The episodes that went on at the moment of doubt, and all since, as they should be."""
        computed = list(active.values())
        threshold_kwh = threshold_of(self._board.limits, *track.place)
        for measure in measures:
            if is_late(measure):
                if fold.history is not None:
                    fold.history.late(to_point(measure))
                continue
            for turn in fold.step(to_point(measure), threshold_kwh):
                if turn.before is not None and turn.rule in active:
                    active.pop(turn.rule)["cleared_at"] = measure["timestamp"]
                if turn.after is not None:
                    active[turn.rule] = to_episode(track.place, fold, turn, measure)
                    computed.append(active[turn.rule])
            for document in active.values():
                note_peak(document, measure["value_kwh"])
        return computed

    def _apply(self, track: Track, affected: Episodes, computed: Sequence[AlarmDocument]) -> None:
        """Compare what is kept with what should be, and keep and tell the difference."""
        for alarm in affected:
            # What waits to be written down of it is what it was.
            self._judge.higher.pop(alarm, None)
        ids = {document["_id"] for document in computed}
        gone = [each for each in affected.values() if not each["retracted_at"] and each["_id"] not in ids]
        for document in gone:
            document["retracted_at"] = self._board.clock.now()
        new = [each for each in computed if each["_id"] not in affected]
        for document in new:
            _inherit(document, gone)
        known = [(each, affected[each["_id"]]) for each in computed if each["_id"] in affected]
        changed = [document for document, kept in known if self._differs(document, kept)]
        over = {kept["_id"] for document, kept in known if document["cleared_at"] and not kept["cleared_at"]}
        standing = {each["rule"]: each for each in computed if stands(each)}
        self._board.correct(track, standing, Correction(new, [*changed, *gone], over))

    def _differs(self, document: AlarmDocument, kept: AlarmDocument) -> bool:
        """Whether an episode is not what it was thought to be; what people did with it stays."""
        document["acknowledged_at"] = kept["acknowledged_at"]
        document["acknowledged_by"] = kept["acknowledged_by"]
        document["notified_at"] = kept["notified_at"]
        document["in_storm"] = kept["in_storm"]
        if document["peak_kwh"] != kept["peak_kwh"]:
            self._judge.higher[document["_id"]] = document
        if kept["retracted_at"] is not None or document["raised_at"] != kept["raised_at"]:
            return True
        return document["cleared_at"] != kept["cleared_at"]

    def _go_on(self, track: Track, fold: Fold, measures: Sequence[Measure], asked: set[datetime]) -> None:
        """Judge what came meanwhile."""
        seen = {each["timestamp"]: each["received_at"] for each in measures if not is_late(each)}
        waiting = sorted(track.pending or [], key=lambda each: each["timestamp"])
        track.fold, track.is_primed, track.pending, track.doubt = fold, True, None, None
        track.at = max([track.at, *seen])
        track.ahead = {at: came for at, came in seen.items() if came > self._judge.judged} or None
        silent = track.stands("silent")
        if silent is not None and track.at > silent["since"]:
            self._board.clear(track, "silent", track.at)
        unseen = [
            each for each in waiting if each["timestamp"] not in asked and each["timestamp"] not in seen
        ]
        if unseen and unseen[0]["timestamp"] <= track.at:
            self._judge.doubt(track, unseen)
        else:
            self._judge.doubtful.discard(track.place.name)
            for measure in unseen:
                self._judge.step(track, measure)
        track.settle()


def _is_over(document: AlarmDocument, since: datetime) -> bool:
    return document["cleared_at"] is not None and document["cleared_at"] < since


def _inherit(document: AlarmDocument, gone: Sequence[AlarmDocument]) -> None:
    """Who has seen or was told of an episode has seen the one that takes its place."""
    for each in gone:
        ends = [at for at in (document["cleared_at"], each["cleared_at"]) if at is not None]
        begins = max(document["since"], each["since"])
        if each["rule"] == document["rule"] and all(begins <= end for end in ends):
            document["acknowledged_at"] = document["acknowledged_at"] or each["acknowledged_at"]
            document["acknowledged_by"] = document["acknowledged_by"] or each["acknowledged_by"]
            document["notified_at"] = document["notified_at"] or each["notified_at"]


class _Before:
    """What was at the moment of doubt, just before its readings."""

    def __init__(
        self,
        history: ReadingHistory,
        board: Board,
        track: Track,
        found: Sequence[AlarmDocument],
        since: datetime,
    ) -> None:
        self._history = history
        self._board = board
        self._place = track.place
        self._since = since
        kept = [each for each in found if each["retracted_at"] is None]
        self._active = {
            each["rule"]: each for each in kept if each["raised_at"] < since and not _is_over(each, since)
        }
        # Counting began anew when the last episode was over.
        self._over: dict[str, datetime] = {}
        for each in kept:
            if each["cleared_at"] is not None and each["cleared_at"] < since:
                self._over[each["rule"]] = max(self._over.get(each["rule"], NEVER), each["cleared_at"])

    async def active(self) -> Episodes:
        """The episodes that went on, as they were then."""
        active: Episodes = {}
        for rule, document in self._active.items():
            begin = document["raised_at"] if rule == "budget" else document["since"]
            peak_kwh = await self._history.peak_kwh(self._place.name, begin, self._since)
            active[rule] = cast("AlarmDocument", {**document, "cleared_at": None, "peak_kwh": peak_kwh})
        return active

    async def fold(self) -> Fold:
        """The rules, as far as they were."""
        fold = self._board.fold(self._place)
        fold.held = await self._held(fold)
        if fold.history is not None:
            await self._look_back(fold, fold.history)
        return fold

    def _since_of(self, rule: str) -> datetime | None:
        document = self._active.get(rule)
        return document["since"] if document else None

    async def _held(self, fold: Fold) -> Held:
        rule, document = fold.rules.overconsumption, self._active.get("overconsumption")
        threshold_kwh = threshold_of(self._board.limits, *self._place)
        if document is None:
            has_run = rule.on_readings > 1 or rule.on_delay
            floor = self._over.get("overconsumption", NEVER)
        else:
            has_run = rule.off_readings > 1 or rule.off_delay
            floor = document["raised_at"]

        def ends_the_run(_: Sequence[Measure], measure: Measure) -> bool:
            point = to_point(measure)
            speaks = point.above if document is None else is_calm(point, threshold_kwh, rule)
            return measure["timestamp"] <= floor or not speaks

        run = await self._read_back(ends_the_run) if rule.enabled and has_run else []
        since = self._since_of("overconsumption")
        if not run:
            return Held(since=since) if since else fold.held
        highest_kwh = max(each["value_kwh"] for each in run)
        return Held(since, run[-1]["timestamp"], len(run), highest_kwh if since is None else -1.0)

    async def _look_back(self, fold: Fold, history: History) -> None:
        rules = fold.rules
        if rules.stuck.is_on:
            history.stuck = await self._stuck(rules.stuck.readings or 0)
        if rules.sustained.is_on:
            begin = self._since - rules.sustained.window
            window = await self._read_back(lambda _, each: each["timestamp"] <= begin)
            spans = [Span(each["timestamp"], to_nano(each["value_kwh"])) for each in reversed(window)]
            history.window.extend(spans)
            history.window_nano = sum(each.nano_kwh for each in spans)
            first = await self._history.first_reading(self._place.name)
            history.watched_from = first if first is not None and first < self._since else None
            history.sustained_since = self._since_of("sustained")
        if rules.budget.is_on and (last := await self._read_back(lambda found, _: bool(found))):
            at = last[0]["timestamp"]
            history.period = period_of(at, history.zone, rules.budget)
            history.period_nano = await self._history.energy_nano(
                self._place.name, history.period[0], self._since
            )
            history.budget_since = self._since_of("budget")

    async def _stuck(self, readings: int) -> Held:
        run = await self._read_back(
            lambda run, each: len(run) > readings or each["value_kwh"] != [*run, each][0]["value_kwh"]
        )
        if not run:
            return Held()
        return Held(self._since_of("stuck"), run[-1]["timestamp"], len(run), run[0]["value_kwh"])

    async def _read_back(self, enough: Enough) -> list[Measure]:
        return await self._history.before(self._place.name, self._since, enough)
