"""``monitor verify``: read ledgers, ask the database for the same time and sensors, compare."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from broker.process import run
from broker.settings import read_settings
from broker.topics import Topics
from ingestor.documents import AlarmDocument, utc_now
from monitor.cli.output import write_lines
from monitor.cli.settings import VerifySettings
from monitor.queries.alarms import AlarmQueries, open_alarm_queries
from monitor.queries.database import QueryError, TimeRange
from monitor.queries.verification import VerificationQueries, open_verification_queries
from monitor.verify.alarm_verdict import AlarmVerdict
from monitor.verify.attempts import Attempts
from monitor.verify.expected_alarms import ExpectedAlarms
from monitor.verify.ledger_reader import LedgerFileError, read_ledgers
from monitor.verify.reading_timeline import reading_timelines
from monitor.verify.recorded_alerts import read_alerts
from monitor.verify.rejections import RejectionCheck
from monitor.verify.verifier import Verdict, Verifier, verdict_lines

# Alarms are written some moments after the readings.
ALARMS_WITHIN = timedelta(seconds=10)
LOOK_EVERY_S = 1.0


def verify_command(arguments: list[str]) -> None:
    """Read the options, compare, and end with status 1 unless all is well."""
    settings = read_settings(VerifySettings, arguments, "monitor verify")
    verdicts = []

    async def check(_: asyncio.Event) -> None:
        verdicts.append(
            await verify(
                settings.files,
                settings.alerts,
                settings.mongo_url,
                settings.topic_root,
                alarms=not settings.no_alarms,
            )
        )

    run("monitor", check, LedgerFileError, QueryError)
    for verdict in verdicts:
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
        LedgerError: A file cannot be used.
        QueryError: The database does not answer.
    """
    tries = read_ledgers(files)
    verifier = Verifier(tries, None if alerts is None else read_alerts(alerts))
    async with open_verification_queries(mongo_url) as records:
        await _see_measures(verifier, tries, records)
        refusals = RejectionCheck(tries, Topics(topic_root))
        if refusals.wanted:
            async for document in records.rejected(refusals.wanted):
                refusals.check(document)
    verdict = verifier.conclude(refusals)
    if alarms and tries.has_truth and verifier.came is not None:
        expected = ExpectedAlarms(
            reading_timelines(tries), refusals.times, refusals.flooded, tries.absences, verifier.came
        )
        async with open_alarm_queries(mongo_url) as episodes:
            verdict.alarms = await _judge_alarms(expected, episodes, tries)
    return verdict


async def _see_measures(verifier: Verifier, tries: Attempts, records: VerificationQueries) -> None:
    moments = [each.moment for each in tries.by_identity]
    if not moments:
        return
    first, last = (datetime.fromisoformat(each) for each in (min(moments), max(moments)))
    async for measure in records.measures(tries.sensor_ids, first, last):
        verifier.check(measure)


async def _judge_alarms(expected: ExpectedAlarms, episodes: AlarmQueries, tries: Attempts) -> AlarmVerdict:
    """Judge alarms; wait for a moment if something is wrong and perhaps only not written yet."""
    sites = sorted({site for site, _ in tries.places})
    until = expected.came[1] + ALARMS_WITHIN
    while True:
        now = utc_now()
        verdict = expected.judge(await _alarms(episodes, sites, expected.came[0], now), now)
        if not verdict.faults or now >= until:
            return verdict
        await asyncio.sleep(LOOK_EVERY_S)


async def _alarms(
    episodes: AlarmQueries, sites: Sequence[str], first: datetime, now: datetime
) -> list[AlarmDocument]:
    """All alarms that stand, or changed since the first reading came."""
    standing = await episodes.active(sites)
    changed = await episodes.overlapping(TimeRange(first, now + timedelta(days=1)), sites)
    return list({each["_id"]: each for each in (*standing, *changed)}.values())
