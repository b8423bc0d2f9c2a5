"""What a report is made of, as the database has it."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import fsum
from operator import itemgetter

from ingestor.documents import AlarmDocument, SensorDocument
from monitor.queries.alarms import AlarmQueries
from monitor.queries.database import QueryDatabase, TimeRange
from monitor.queries.energy import EnergyFilter, EnergyQueries, EnergyTotal, Grouping, Peak
from monitor.queries.rejected import RejectedQueries
from monitor.queries.sensors import SensorQueries
from monitor.report.period import ReportPeriod


@dataclass(frozen=True, slots=True)
class ReportData:
    """All figures of one report.

    Attributes:
        sites: Of which sites; all if none is named.
        hours: What each site used in each hour.
        hours_before: The same of the whole period before.
        peak: The hour with the highest reading; None if there was no reading.
        sensors: What is known of all sensors now.
        rejected: How many payloads were rejected, by kind.
    """

    when: ReportPeriod
    sites: Sequence[str]
    hours: Sequence[EnergyTotal]
    hours_before: Sequence[EnergyTotal]
    by_sensor: Sequence[EnergyTotal]
    peak: Peak | None
    alarms: Sequence[AlarmDocument]
    sensors: Sequence[SensorDocument]
    rejected: dict[str, int]

    @property
    def energy_kwh(self) -> float:
        """What was used, kWh."""
        return energy_kwh(self.hours)

    @property
    def highest_hour(self) -> tuple[datetime, float] | None:
        """The hour in which most was used, and how much, kWh; None if there was no reading."""
        hours: defaultdict[datetime, list[EnergyTotal]] = defaultdict(list)
        for each in self.hours:
            hours[each.start].append(each)
        used = [(start, energy_kwh(each)) for start, each in sorted(hours.items())]
        return max(used, key=itemgetter(1), default=None)

    @property
    def readings(self) -> int:
        """How many readings there are."""
        return sum(each.readings for each in self.hours)

    @property
    def compared(self) -> Sequence[EnergyTotal]:
        """The hours that are compared."""
        return within(self.hours, self.when.compared)

    @property
    def compared_before(self) -> Sequence[EnergyTotal]:
        """The hours with which they are compared."""
        return within(self.hours_before, self.when.compared_before)

    @property
    def without_readings(self) -> list[SensorDocument]:
        """Sensors that were there by then and have no reading in it."""
        with_readings, end = {each.who for each in self.by_sensor}, self.when.span.end
        known = (each for each in self.sensors if each.get("first_reading", end) <= end)
        return [each for each in known if each["sensor_id"] not in with_readings]


async def load_report_data(database: QueryDatabase, when: ReportPeriod, sites: Sequence[str]) -> ReportData:
    """Ask the database for everything, of some sites or of all if none is named."""
    await database.ping()
    energy, scope = EnergyQueries(database), EnergyFilter(sites=sites)
    peaks = await energy.peaks(when.span, 1, scope=scope)
    return ReportData(
        when,
        sites,
        hours=await energy.totals(when.span, Grouping("hour", "site"), scope=scope),
        hours_before=await energy.totals(when.before.whole, Grouping("hour", "site"), scope=scope),
        by_sensor=await energy.totals(when.span, Grouping(None, "sensor"), scope=scope),
        peak=peaks[0] if peaks else None,
        alarms=await _alarms(AlarmQueries(database), when.span, sites),
        sensors=await SensorQueries(database).all(list(sites)),
        rejected=await RejectedQueries(database).kinds(when.span, sites),
    )


async def _alarms(queries: AlarmQueries, span: TimeRange, sites: Sequence[str]) -> list[AlarmDocument]:
    return [
        each
        for each in await queries.overlapping(span, sites)
        if each["since"] < span.end and (each["cleared_at"] is None or each["cleared_at"] >= span.first)
    ]


def energy_kwh(totals: Iterable[EnergyTotal]) -> float:
    """The energy of all of them, kWh."""
    return fsum(each.energy_kwh for each in totals)


def within(hours: Sequence[EnergyTotal], span: TimeRange) -> Sequence[EnergyTotal]:
    """Those hours that begin in a time."""
    return [each for each in hours if span.first <= each.start < span.end]


def by_site(hours: Iterable[EnergyTotal]) -> dict[str, list[EnergyTotal]]:
    """The hours of each site."""
    sites: defaultdict[str, list[EnergyTotal]] = defaultdict(list)
    for each in hours:
        sites[each.who or ""].append(each)
    return sites


def per_bucket(hours: Iterable[EnergyTotal], when: ReportPeriod) -> list[float | None]:
    """The energy of each hour of a day, or each day of a week or month, kWh; None without a reading."""
    starts = when.buckets
    parts: list[list[EnergyTotal]] = [[] for _ in starts]
    for each in hours:
        parts[bisect_right(starts, each.start) - 1].append(each)
    return [energy_kwh(part) if part else None for part in parts]
