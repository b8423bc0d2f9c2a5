"""``monitor verify``: read ledgers, ask the database for the same time and sensors, compare."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from broker.program.process import run
from broker.program.settings import read_settings
from broker.topics import Topics
from ingestor.documents import utc_now
from monitor.cli.output import write_lines
from monitor.cli.settings import VerifySettings
from monitor.queries.alarms import AlarmQueries
from monitor.queries.database import QueryError, TimeRange, open_database
from monitor.queries.readings import ReadingQueries
from monitor.queries.rejected import RejectedQueries
from monitor.verify.alarm_verdict import AlarmVerdict
from monitor.verify.attempts import Attempts
from monitor.verify.expected_alarms import ExpectedAlarms
from monitor.verify.ledger_reader import LedgerFileError, read_alerts, read_ledgers
from monitor.verify.reading_timeline import reading_timelines, to_time
from monitor.verify.rejections import RejectionCheck
from monitor.verify.verifier import Verdict, Verifier, verdict_lines

# Alarms are written some moments after the readings.
ALARMS_WITHIN = timedelta(seconds=10)
LOOK_EVERY_S = 1.0


def verify_command(arguments: list[str]) -> None:
    """Read the options, compare, and end with status 1 unless all is well."""
    settings = read_settings(VerifySettings, arguments, "monitor verify")

    async def check(_: asyncio.Event) -> Verdict:
        url, root = settings.mongo_url, settings.topic_root
        return await verify(settings.files, settings.alerts, url, root, alarms=not settings.no_alarms)

    verdict = run("monitor", check, LedgerFileError, QueryError)
    write_lines(verdict_lines(verdict))
    if not verdict.passed:
        raise SystemExit(1)


async def verify(
    files: Sequence[Path], alerts: Path | None, mongo_url: str, topic_root: str, *, alarms: bool = False
) -> Verdict:
    """Compare what ledgers say with what is stored.

    Args:
        files: Ledgers of all nodes that measured for these sensors in that time.
        alerts: What ``mosquitto_sub`` recorded meanwhile, one alert a line; None if nobody did.
        mongo_url: The database.
        topic_root: First topic level(s).
        alarms: Whether alarms are judged, where the ledgers say what had to be.

    Raises:
        LedgerFileError: A file cannot be used.
        QueryError: The database does not answer.
    """
    attempts = read_ledgers(files)
    verifier = Verifier(attempts, None if alerts is None else read_alerts(alerts))
    async with open_database(mongo_url) as database:
        await database.ping()
        if attempts.by_identity:
            moments = [each.moment for each in attempts.by_identity]
            sensor_ids = {each.sensor_id for each in attempts.by_identity}
            first, last = to_time(min(moments)), to_time(max(moments))
            async for measure in ReadingQueries(database).between(sorted(sensor_ids), first, last):
                verifier.check(measure)
        rejections = RejectionCheck(attempts, Topics(topic_root))
        if rejections.wanted:
            async for document in RejectedQueries(database).on_topics(rejections.wanted):
                rejections.check(document)
        verdict = verifier.conclude(rejections)
        if alarms and attempts.has_truth and attempts.came is not None:
            timelines = reading_timelines(attempts)
            expected = ExpectedAlarms(
                timelines, rejections.times, rejections.flooded, attempts.absences, attempts.came
            )
            verdict.alarms = await _judge_alarms(expected, AlarmQueries(database), attempts)
    return verdict


async def _judge_alarms(expected: ExpectedAlarms, queries: AlarmQueries, attempts: Attempts) -> AlarmVerdict:
    """Judge alarms; wait for a moment if something is wrong and perhaps only not written yet."""
    sites = sorted({each.site for each in attempts.sensors})
    first, last = expected.came
    while True:
        now = utc_now()
        found = await queries.overlapping(TimeRange(first, now + timedelta(days=1)), sites)
        verdict = expected.judge(found, now)
        if not verdict.faults or now >= last + ALARMS_WITHIN:
            return verdict
        await asyncio.sleep(LOOK_EVERY_S)
