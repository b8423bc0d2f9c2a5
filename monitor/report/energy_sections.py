"""A report in words: what people want to know first, and the energy."""

from collections.abc import Iterable

from monitor.formatting import format_change, format_kwh, format_number, format_share
from monitor.report.content import EnergyBars, EnergySeries, KeyFigure, Report, ReportSection, table_of
from monitor.report.data import ReportData, by_site, energy_kwh, per_bucket
from monitor.report.period import DAY, HOUR
from monitor.report.quality_sections import (
    active_alarms,
    alarm_sections,
    quality_sections,
    site_and_location,
    stale_sensors,
)
from monitor.text_table import Column, cuttable_columns, number_columns

TOP_SENSORS = 10
MOST_SITES = 30
SITE_COLUMNS = (
    Column("Site"),
    *number_columns("kWh", "Share", "Change", "Highest kWh", "Readings", "Anomalies"),
)
SENSOR_COLUMNS = (
    Column("Sensor"),
    *number_columns("kWh", "Share", "Highest kWh", "Anomalies"),
    *cuttable_columns("Site", "Location"),
)


def build_report(figures: ReportData) -> Report:
    """Put a report into words."""
    when = figures.when
    so_far = ", so far" if when.is_so_far else ""
    sites = f"Site {', '.join(figures.sites)}" if figures.sites else "All sites"
    now = when.local(when.now)
    if figures.hours:
        sections = [_energy(figures), _sites(figures), _top_sensors(figures)]
    else:
        sections = [ReportSection("Energy", notes=[_nothing(figures)])]
    return Report(
        title=f"{when.name}{so_far}",
        scope=f"{sites}; time zone {when.zone.key}; created on {now.day} {now:%B %Y, %H:%M}",
        facts=list(_key_figures(figures)),
        sections=[*sections, *alarm_sections(figures), *quality_sections(figures)],
    )


def _nothing(figures: ReportData) -> str:
    if figures.sensors:
        return "No readings in this period."
    if figures.sites:
        sites = " and ".join(figures.sites)
        return f"No sensors at {sites}; `monitor sensors` lists all sensors with their sites."
    return "No readings yet. Reports are available once the first reading is stored."


def _key_figures(figures: ReportData) -> Iterable[KeyFigure]:
    if figures.hours:
        yield from _energy_facts(figures)
        anomalies = sum(each.anomalies for each in figures.hours)
        yield KeyFigure("Anomalies", f"{anomalies:,}", f"of {figures.readings:,}")
    active = len(active_alarms(figures.alarms))
    still_active = f"({active:,} still active)" if figures.alarms else ""
    yield KeyFigure("Alarms", f"{len(figures.alarms):,}", still_active, is_bad=active > 0)
    if figures.sensors:
        stale = len(stale_sensors(figures))
        yield KeyFigure("Stale sensors now", f"{stale:,}", f"of {len(figures.sensors):,}", is_bad=stale > 0)


def _energy_facts(figures: ReportData) -> Iterable[KeyFigure]:
    when, until, until_before = figures.when, "", ""
    if when.is_so_far:
        until = f"until {when.clock(when.compared.end)}"
        until_before = f"until {when.before.clock(when.compared_before.end)}"
    yield KeyFigure("Energy", f"{format_kwh(figures.energy_kwh)} kWh", "so far" if when.is_so_far else "")
    before = f"{'on' if when.unit == 'day' else 'from'} {when.before.name}"
    after_kwh, before_kwh = energy_kwh(figures.compared), energy_kwh(figures.compared_before)
    if figures.compared_before and figures.compared:
        yield KeyFigure("Change", format_change(after_kwh, before_kwh), until)
        label = f"{when.days} days before" if when.unit == "month" else f"{when.unit.capitalize()} before"
        first, end = when.compared_before
        gaps = (end - first) // HOUR - len({each.start for each in figures.compared_before})
        without = f"{gaps:,} hours without readings" if gaps > 0 else ""
        yield KeyFigure(label, f"{format_kwh(before_kwh)} kWh", _also(before, until_before, without))
    else:
        yield KeyFigure("Change", "unknown", _also(f"no readings {before}", until_before))
    length = when.compared.end - when.compared.first
    unit, name = (HOUR, "per hour") if when.unit == "day" else (DAY, "per day")
    if length >= unit:
        yield KeyFigure("Average", f"{format_kwh(after_kwh / (length / unit))} kWh", name)
    if highest := figures.highest_hour:
        yield KeyFigure("Highest hour", f"{format_kwh(highest[1])} kWh", f"from {when.hour_name(highest[0])}")
    if figures.peak:
        hour = when.hour_name(figures.peak.start)
        yield KeyFigure(
            "Highest reading",
            f"{format_number(figures.peak.max_kwh)} kWh",
            f"by {figures.peak.sensor_id}, {hour}",
        )


def _also(*parts: str) -> str:
    return ", ".join(part for part in parts if part)


def _energy(figures: ReportData) -> ReportSection:
    when = figures.when
    parts = by_site(figures.hours)
    sites = sorted(parts, key=lambda site: -energy_kwh(parts[site]))
    starts = [when.bucket_name(start) for start in when.buckets]
    periods = [EnergySeries(when.name, per_bucket(figures.hours, when))]
    # The weekdays of two months do not match, so their days are not to be held side by side.
    if when.unit != "month" and figures.hours_before:
        # The days may differ in length, for an hour is put forward or back.
        before_kwh = [*per_bucket(figures.hours_before, when.before), *[None] * len(starts)][: len(starts)]
        periods.insert(0, EnergySeries(when.before.name, before_kwh))
    bars = EnergyBars(
        starts,
        over=sum(start < when.now for start in when.buckets),
        periods=periods,
        sites=[EnergySeries(site, per_bucket(parts[site], when)) for site in sites],
    )
    return ReportSection(f"Energy per {'hour' if when.unit == 'day' else 'day'}", bars=bars)


def _sites(figures: ReportData) -> ReportSection:
    all_kwh = figures.energy_kwh
    before, after = by_site(figures.compared_before), by_site(figures.compared)
    parts = sorted(by_site(figures.hours).items(), key=lambda part: -energy_kwh(part[1]))
    most_kwh = energy_kwh(parts[0][1])
    rows = [
        (
            site,
            format_kwh(energy_kwh(hours), most_kwh),
            format_share(energy_kwh(hours), all_kwh),
            format_change(energy_kwh(after.get(site, ())), energy_kwh(before[site]))
            if site in before
            else "",
            format_number(max(hour.max_kwh for hour in hours)),
            f"{sum(hour.readings for hour in hours):,}",
            f"{sum(hour.anomalies for hour in hours):,}",
        )
        for site, hours in parts
    ]
    return ReportSection("Sites", table=table_of(SITE_COLUMNS, rows, MOST_SITES))


def _top_sensors(figures: ReportData) -> ReportSection:
    known = {each["sensor_id"]: each for each in figures.sensors}
    top = sorted(figures.by_sensor, key=lambda each: (-each.energy_kwh, each.who))[:TOP_SENSORS]
    rows = [
        (
            each.who or "",
            format_kwh(each.energy_kwh, top[0].energy_kwh),
            format_share(each.energy_kwh, figures.energy_kwh),
            format_number(each.max_kwh),
            f"{each.anomalies:,}",
            *site_and_location(known.get(each.who or "")),
        )
        for each in top
    ]
    title = "Top consumers" if len(figures.by_sensor) > 1 else "Sensor"
    return ReportSection(title, table=table_of(SENSOR_COLUMNS, rows, TOP_SENSORS))
