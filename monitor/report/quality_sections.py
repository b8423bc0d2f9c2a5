"""A report in words: alarms, the quality of the data, and sensors to look after."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from ingestor.documents import AlarmDocument, SensorDocument
from monitor.cli.alarms import SEVERITY_RANKS, worst_first
from monitor.cli.sensors import sensor_state, to_live_sensor
from monitor.formatting import format_change, format_duration
from monitor.queries.alarms import is_active
from monitor.queries.rejected import RETENTION
from monitor.report.content import KeyFigure, ReportSection, table_of
from monitor.report.data import ReportData
from monitor.report.period import HOUR
from monitor.text_table import Column, cuttable_columns, number_columns

MOST_RULES = 30
MOST_ACTIVE = 10
MOST_SENSORS = 20
RULE_COLUMNS = (
    Column("Severity"),
    *cuttable_columns("Rule"),
    *number_columns("Alarms", "Active", "Longest"),
)
ACTIVE_COLUMNS = (
    Column("Sensor"),
    Column("Severity"),
    *cuttable_columns("Rule"),
    Column("Since"),
    *cuttable_columns("What"),
)
ATTENTION_COLUMNS = (
    Column("Sensor"),
    *cuttable_columns("Site", "Location"),
    Column("Now"),
    Column("In this period"),
)


def active_alarms(alarms: Iterable[AlarmDocument]) -> list[AlarmDocument]:
    """Those that go on or wait for an acknowledgement, the worst first."""
    return worst_first(each for each in alarms if is_active(each))


def alarm_sections(figures: ReportData) -> list[ReportSection]:
    """What was wrong, and what still is."""
    if not figures.alarms:
        return [ReportSection("Alarms", notes=["No alarms in this period."])]
    when = figures.when
    longest = max(figures.alarms, key=lambda each: _lasted(each, when.now))
    end = "and still active" if longest["cleared_at"] is None else f"to {when.clock(longest['cleared_at'])}"
    time = f"{format_duration(_lasted(longest, when.now))}, from {when.clock(longest['since'])} {end}"
    note = f"Longest: {longest['rule']} of {longest['sensor_id']}, {time}."
    table = table_of(RULE_COLUMNS, _rule_rows(figures), MOST_RULES)
    rows = [
        (each["sensor_id"], each["severity"], each["rule"], when.clock(each["since"]), each["message"])
        for each in active_alarms(figures.alarms)
    ]
    active = ReportSection("Active alarms", table=table_of(ACTIVE_COLUMNS, rows, MOST_ACTIVE))
    return [ReportSection("Alarms", notes=[note], table=table), *([active] if rows else [])]


def _rule_rows(figures: ReportData) -> list[tuple[str, ...]]:
    kinds: defaultdict[tuple[str, str], list[AlarmDocument]] = defaultdict(list)
    for each in figures.alarms:
        kinds[each["severity"], each["rule"]].append(each)

    def order(kind: tuple[str, str]) -> tuple[object, ...]:
        return SEVERITY_RANKS.get(kind[0], len(SEVERITY_RANKS)), -len(kinds[kind]), kind

    return [
        (
            *kind,
            f"{len(kinds[kind]):,}",
            f"{len(active_alarms(kinds[kind])):,}",
            format_duration(max(_lasted(each, figures.when.now) for each in kinds[kind])),
        )
        for kind in sorted(kinds, key=order)
    ]


def _lasted(alarm: AlarmDocument, now: datetime) -> timedelta:
    return (alarm["cleared_at"] or now) - alarm["since"]


def stale_sensors(figures: ReportData) -> list[SensorDocument]:
    """Sensors that send nothing now, though their nodes are not offline."""
    now = figures.when.now
    return [each for each in figures.sensors if sensor_state(to_live_sensor(each), now).startswith("stale")]


def quality_sections(figures: ReportData) -> list[ReportSection]:
    """How good the data is, and of which sensors it is not."""
    silent = figures.without_readings
    quality = ReportSection("Data quality", facts=[*_quality(figures, len(silent))])
    if not figures.sensors:
        return [quality]
    rows = _attention_rows(figures, silent)
    notes = () if rows else ["None: all sensors are online."]
    table = table_of(ATTENTION_COLUMNS, rows, MOST_SENSORS)
    return [quality, ReportSection("Sensors that need attention", notes=notes, table=table)]


def _quality(figures: ReportData, silent: int) -> Iterable[KeyFigure]:
    when = figures.when
    after, before = (
        sum(each.readings for each in hours) for hours in (figures.compared, figures.compared_before)
    )
    more = f"{format_change(after, before)} compared with the previous period" if after and before else ""
    yield KeyFigure("Readings", f"{figures.readings:,}", more)
    over = (when.compared.end - when.compared.first) // HOUR
    with_readings = len({each.start for each in figures.compared})
    if over and figures.sensors:
        yield KeyFigure(
            "Hours without readings", f"{over - with_readings:,}", f"of {over:,}", is_bad=with_readings < over
        )
    if figures.sensors:
        of_all = f"of {len(figures.sensors):,}"
        yield KeyFigure("Sensors without readings", f"{silent:,}", of_all, is_bad=silent > 0)
    rejected = sum(figures.rejected.values())
    kinds = ", ".join(f"{count:,} {kind}" for kind, count in figures.rejected.items())
    kept = "in the last 30 days; older ones are deleted" if when.span.first < when.now - RETENTION else ""
    detail = f"{kept}: {kinds}" if kept and kinds else kept or (f"({kinds})" if kinds else "")
    yield KeyFigure("Payloads rejected", f"{rejected:,}", detail, is_bad=rejected > 0)


def _attention_rows(figures: ReportData, silent: Sequence[SensorDocument]) -> list[tuple[str, ...]]:
    readings = {each.who: each.readings for each in figures.by_sensor}
    wanted = {each["sensor_id"] for each in silent}
    rows: list[tuple[str, ...]] = []
    # The newest trouble first: of the others people have known for long.
    order = sorted(figures.sensors, key=lambda each: each.get("last_reading", datetime.min), reverse=True)  # noqa: DTZ901
    for each in order:
        name, now = each["sensor_id"], sensor_state(to_live_sensor(each), figures.when.now)
        if name in wanted or now != "online":
            count = readings.get(name, 0)
            told = f"{count:,} readings" if count else "no readings"
            rows.append((name, *site_and_location(each), now, told))
    return rows


def site_and_location(sensor: SensorDocument | None) -> tuple[str, str]:
    """Site and location of a sensor, as people are to see them."""
    if sensor is None:
        return "", ""
    known = to_live_sensor(sensor)
    return known.site, known.location or ""
