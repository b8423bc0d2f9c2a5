"""``monitor verify``: read ledgers, ask the database for the same time and sensors, compare."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from broker.process import run
from broker.settings import read_settings
from broker.topics import Topics
from monitor.ledgers import Identity, LedgerError, Tries, read_ledgers
from monitor.output import write_lines
from monitor.queries.database import QueryError
from monitor.queries.records import Records, open_records
from monitor.settings import VerifySettings
from monitor.verdict import Verdict, Verifier, read_alerts, to_lines


def verify_command(arguments: list[str]) -> None:
    """Read the options, compare, and end with status 1 unless all is well."""
    settings = read_settings(VerifySettings, arguments, "monitor verify")
    verdicts = []

    async def check(_: asyncio.Event) -> None:
        verdicts.append(
            await verify(settings.files, settings.alerts, settings.mongo_url, settings.topic_root)
        )

    run("monitor", check, LedgerError, QueryError)
    for verdict in verdicts:
        write_lines(to_lines(verdict))
        if not verdict.is_well:
            raise SystemExit(1)


async def verify(files: Sequence[Path], alerts: Path | None, mongo_url: str, topic_root: str) -> Verdict:
    """Compare what ledgers say with what is stored.

    Args:
        files: Ledgers of all nodes that measured for these sensors in that time.
        alerts: What ``mosquitto_sub`` recorded meanwhile, one alert a line; None if nobody did.
        mongo_url: The database.
        topic_root: First topic level(s).

    Raises:
        LedgerError: A file cannot be used.
        QueryError: The database does not answer.
    """
    tries = read_ledgers(files)
    verifier = Verifier(tries, None if alerts is None else read_alerts(alerts))
    async with open_records(mongo_url) as records:
        await _see_measures(verifier, tries, records)
        return verifier.conclude(await _find_rejected(verifier, Topics(topic_root), records))


async def _see_measures(verifier: Verifier, tries: Tries, records: Records) -> None:
    moments = [each.moment for each in tries.by_identity]
    if not moments:
        return
    first, last = (datetime.fromisoformat(each) for each in (min(moments), max(moments)))
    async for measure in records.measures(tries.sensor_ids, first, last):
        verifier.see(measure)


async def _find_rejected(verifier: Verifier, topics: Topics, records: Records) -> list[Identity]:
    missing = {
        (topics.readings(site, identity.sensor_id), sequence): identity
        for identity, (site, sequence) in verifier.missing().items()
    }
    if not missing:
        return []
    wanted = sorted({topic for topic, _ in missing})
    return [missing[found] async for found in records.rejected(wanted) if found in missing]
