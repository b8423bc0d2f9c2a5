"""A report in words: alarms, the quality of the data, and sensors to look after."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from ingestor.documents import AlarmDocument, SensorDocument
from monitor.cli.alarms import SEVERITY_RANKS, worst_first
from monitor.cli.sensors import sensor_state, to_live_sensor
from monitor.formatting import format_change, format_duration
from monitor.queries.rejected import RETENTION
from monitor.report.content import KeyFigure, ReportSection, table_of
from monitor.report.data import ReportData
from monitor.report.period import HOUR, ReportPeriod
from monitor.text_table import Column

MOST_RULES = 30
MOST_STANDING = 10
MOST_SENSORS = 20
RULE_COLUMNS = (
    Column("Severity"),
    Column("Rule", is_cuttable=True),
    Column("Alarms", is_number=True),
    Column("Active", is_number=True),
    Column("Longest", is_number=True),
)
STANDING_COLUMNS = (
    Column("Sensor"),
    Column("Severity"),
    Column("Rule", is_cuttable=True),
    Column("Since"),
    Column("What", is_cuttable=True),
)
ATTENTION_COLUMNS = (
    Column("Sensor"),
    Column("Site", is_cuttable=True),
    Column("Location", is_cuttable=True),
    Column("Now"),
    Column("In this period"),
)


def active_alarms(alarms: Iterable[AlarmDocument]) -> list[AlarmDocument]:
    """Those that stand, the worst first: they go on, or wait for somebody to see them."""
    stand = [
        each
        for each in alarms
        if each["cleared_at"] is None or (each["waits"] and each["acknowledged_at"] is None)
    ]
    return worst_first(stand)


def alarm_sections(figures: ReportData) -> list[ReportSection]:
    """What was wrong, and what still is."""
    if not figures.alarms:
        return [ReportSection("Alarms", notes=["No alarms in this period."])]
    when, stand = figures.when, active_alarms(figures.alarms)
    longest = max(figures.alarms, key=lambda each: _lasted(each, when.now))
    notes = [_longest(longest, when)]
    sections = [
        ReportSection("Alarms", notes=notes, table=table_of(RULE_COLUMNS, _rule_rows(figures), MOST_RULES))
    ]
    if stand:
        rows = [
            (each["sensor_id"], each["severity"], each["rule"], when.clock(each["since"]), each["message"])
            for each in stand
        ]
        sections.append(ReportSection("Active alarms", table=table_of(STANDING_COLUMNS, rows, MOST_STANDING)))
    return sections


def _rule_rows(figures: ReportData) -> list[tuple[str, ...]]:
    kinds = Counter((each["severity"], each["rule"]) for each in figures.alarms)
    stand = Counter((each["severity"], each["rule"]) for each in active_alarms(figures.alarms))
    lasted: dict[tuple[str, str], timedelta] = {}
    for each in figures.alarms:
        kind = (each["severity"], each["rule"])
        lasted[kind] = max(lasted.get(kind, timedelta(0)), _lasted(each, figures.when.now))
    order = sorted(
        kinds, key=lambda kind: (SEVERITY_RANKS.get(kind[0], len(SEVERITY_RANKS)), -kinds[kind], kind)
    )
    return [(*kind, f"{kinds[kind]:,}", f"{stand[kind]:,}", format_duration(lasted[kind])) for kind in order]


def _lasted(alarm: AlarmDocument, now: datetime) -> timedelta:
    return (alarm["cleared_at"] or now) - alarm["since"]


def _longest(alarm: AlarmDocument, when: ReportPeriod) -> str:
    end = "and still active" if alarm["cleared_at"] is None else f"to {when.clock(alarm['cleared_at'])}"
    time = f"{format_duration(_lasted(alarm, when.now))}, from {when.clock(alarm['since'])} {end}"
    return f"Longest: {alarm['rule']} of {alarm['sensor_id']}, {time}."


def stale_sensors(figures: ReportData) -> list[SensorDocument]:
    """Sensors that are not heard now, though their nodes did not say that they are gone."""
    now = figures.when.now
    return [each for each in figures.sensors if sensor_state(to_live_sensor(each), now).startswith("stale")]


def quality_sections(figures: ReportData) -> list[ReportSection]:
    """How good the data is, and of which sensors it is not."""
    unheard = figures.without_readings
    facts = [*_quality(figures, len(unheard))]
    if not figures.sensors:
        return [ReportSection("Data quality", facts=facts)]
    rows = _attention_rows(figures, unheard)
    return [
        ReportSection("Data quality", facts=facts),
        ReportSection(
            "Sensors that need attention",
            notes=() if rows else ["None: all sensors are online."],
            table=table_of(ATTENTION_COLUMNS, rows, MOST_SENSORS),
        ),
    ]


def _quality(figures: ReportData, unheard: int) -> Iterable[KeyFigure]:
    when = figures.when
    after, before = (
        sum(each.readings for each in hours) for hours in (figures.compared, figures.compared_before)
    )
    more = f"{format_change(after, before)} compared with the previous period" if after and before else ""
    yield KeyFigure("Readings", f"{figures.readings:,}", more)
    over = (when.compared.end - when.compared.first) // HOUR
    heard = len({each.start for each in figures.compared})
    if over and figures.sensors:
        yield KeyFigure("Hours without readings", f"{over - heard:,}", f"of {over:,}", is_bad=heard < over)
    if figures.sensors:
        yield KeyFigure(
            "Sensors without readings", f"{unheard:,}", f"of {len(figures.sensors):,}", is_bad=unheard > 0
        )
    refused = sum(figures.rejected.values())
    kinds = ", ".join(f"{count:,} {kind}" for kind, count in figures.rejected.items())
    kept = "in the last 30 days; older ones are deleted" if when.span.first < when.now - RETENTION else ""
    detail = f"{kept}: {kinds}" if kept and kinds else kept or (f"({kinds})" if kinds else "")
    yield KeyFigure("Payloads rejected", f"{refused:,}", detail, is_bad=refused > 0)


def _attention_rows(figures: ReportData, unheard: Sequence[SensorDocument]) -> list[tuple[str, ...]]:
    readings = {each.who: each.readings for each in figures.by_sensor}
    wanted = {each["sensor_id"] for each in unheard}
    rows: list[tuple[str, ...]] = []
    # Those first that were heard last: of the others people have known for long.
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
