"""The chapters of a run: what is measured in which order, and as which tables it is shown."""

import asyncio
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any

from bench.load import many_meters
from bench.measure import alarm_cost, growth, page_queries, ratios, security_cost, stage_cost
from bench.measure.latency import RATES, bare, through
from bench.measure.schedule import keeps_schedule
from bench.measure.throughput import Sample, catch_up, consumers, live
from bench.rig import BenchRig
from bench.table import ResultTable, spread

Tell = Callable[[str], None]

CATCHING_UP = ("limit", "limit, gathering", "ours", "mq-bridge", "prototype")
QUICK = ("limit", "ours", "ours, with sequences", "mq-bridge", "idiomatic, batches")
READINGS, QUICK_READINGS = 200_000, 60_000
ALARM_READINGS = 300_000  # getting to know a sensor is done once, and is not what is measured
MANY_SENSORS = 10_000  # with fewer, chance decides how much memory each takes


@dataclass(slots=True)
class Findings:
    """What a run found.

    Attributes:
        tables: For people.
        samples: The single measurements of throughput.
        raw: Everything, for programs.
    """

    tables: list[ResultTable] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    raw: dict[str, Any] = field(default_factory=dict)


async def throughput_chapter(rig: BenchRig, found: Findings, tell: Tell, *, rounds: int, quick: bool) -> None:
    """All consumers in turn, over several rounds."""
    count = QUICK_READINGS if quick else READINGS
    everyone = [each for each in consumers(count) if not quick or each.name in QUICK]
    for number in range(1, rounds + 1):
        for consumer in everyone:
            tell(f"round {number} of {rounds}, live: {consumer.name}")
            found.samples.append(await live(rig, consumer))
        for consumer in everyone:
            if consumer.name in CATCHING_UP and not (quick and consumer.name == "mq-bridge"):
                tell(f"round {number} of {rounds}, catch-up: {consumer.name}")
                found.samples.append(await catch_up(rig, consumer))
    found.raw["throughput"] = [asdict(each) for each in found.samples]
    found.tables += [ratios.rates(found.samples, mode) for mode in ("live", "catch-up")]
    found.tables += [ratios.costs(found.samples), ratios.ratios(found.samples)]


async def latency_chapter(rig: BenchRig, found: Findings, tell: Tell, *, rounds: int, quick: bool) -> None:
    """Three rates, each way once."""
    del rounds
    seconds, rates = (5.0, RATES[1:2]) if quick else (30.0, RATES)
    ways = []
    for rate in rates:
        tell(f"latency at {rate:,} readings/s")
        ways += [await bare(rig, rate, seconds), *await through(rig, rate, seconds)]
    found.raw["latency"] = [asdict(each) for each in ways]
    rows = [
        [f"{each.rate:,}/s, {each.way}", f"{each.count:,}", *(f"{value:.1f}" for value in each.milliseconds)]
        for each in ways
    ]
    columns = ("way", "timed", "p50 ms", "p99 ms", "max ms")
    found.tables.append(ResultTable("latency", "How long a reading takes", columns, rows))


async def growth_chapter(rig: BenchRig, found: Findings, tell: Tell, *, rounds: int, quick: bool) -> None:
    """More sensors, more documents, more readings in a payload, a database that stands still."""
    await _sensors(rig, found, tell, rounds=rounds, quick=quick)
    await _arrays(rig, found, tell, rounds=rounds, quick=quick)
    if not quick:
        await _stall(rig, found, tell)
        await _documents(rig, found, tell)


async def _sensors(rig: BenchRig, found: Findings, tell: Tell, *, rounds: int, quick: bool) -> None:
    rate, count = 5_000.0, 30_000 if quick else 60_000
    numbers = (10, 10_000) if quick else (10, 1_000, 10_000, 100_000)
    results = []
    for turn in range(1, rounds + 1):
        for sensors in numbers:
            tell(f"round {turn} of {rounds}: {sensors:,} sensors, {rate:,.0f} readings/s")
            results.append(await growth.with_sensors(rig, sensors, rate, count))
    found.raw["sensors"] = [asdict(each) for each in results]
    memory = {
        sensors: median(each.resident_mib for each in results if each.sensors == sensors)
        for sensors in numbers
    }
    rows = []
    for sensors in numbers:
        more = (memory[sensors] - memory[10]) * 1024 / max(1, sensors - 10)
        shown = f"{more:.2f}" if sensors >= MANY_SENSORS else ""
        costs_us = [each.cpu_us for each in results if each.sensors == sensors]
        rows.append([f"{sensors:,}", spread(costs_us, ".1f"), f"{memory[sensors]:.0f}", shown])
    columns = ("sensors", "CPU µs/reading", "MiB", "KiB per sensor")
    title = f"More sensors, {rate:,.0f} readings/s"
    found.tables.append(ResultTable("sensors", title, columns, rows))


async def _arrays(rig: BenchRig, found: Findings, tell: Tell, *, rounds: int, quick: bool) -> None:
    numbers = (1, 100) if quick else (1, 10, 100, 1000)
    packs: dict[int, list[growth.ArrayResult]] = {array: [] for array in numbers}
    for turn in range(1, rounds + 1):
        for array in numbers:
            tell(f"round {turn} of {rounds}: {array:,} readings in a payload")
            packs[array].append(await growth.with_arrays(rig, array, 60_000 if quick else 300_000))
    found.raw["arrays"] = [asdict(each) for of_it in packs.values() for each in of_it]
    rows = [
        [
            f"{array:,}",
            spread([each.rate for each in of_it]),
            spread([each.rate / single.rate for each, single in zip(of_it, packs[1], strict=True)], ".2f"),
            spread([each.cpu_us for each in of_it], ".1f"),
        ]
        for array, of_it in packs.items()
    ]
    columns = ("in a payload", "readings/s", "ratio to single", "CPU µs/reading")
    found.tables.append(ResultTable("arrays", "More readings in a payload, live", columns, rows))


async def _stall(rig: BenchRig, found: Findings, tell: Tell) -> None:
    tell("growth: a database that stands still for 60 s")
    stall = await growth.stalled(rig, 60, 900_000)
    found.raw["stall"] = asdict(stall)
    row = [
        f"{stall.seconds:.0f}",
        f"{stall.before_mib:.0f}",
        f"{stall.most_mib:.0f}",
        f"{stall.waiting:,}",
        f"{stall.catch_up_rate:,.0f}",
    ]
    columns = ("stalled s", "memory before MiB", "most MiB", "readings waiting", "then readings/s")
    found.tables.append(ResultTable("stall", "A database that does not answer, at full rate", columns, [row]))


async def _documents(rig: BenchRig, found: Findings, tell: Tell) -> None:
    rig.reset()
    filled = []
    for stored in (0, 1_000_000, 10_000_000, 30_000_000):
        tell(f"growth: {stored:,} readings stored already")
        filled.append(await growth.with_documents(rig, stored, READINGS, tell))
    found.raw["documents"] = [asdict(each) for each in filled]
    rows = [[f"{each.stored:,}", f"{each.rate:,.0f}", f"{each.rate / filled[0].rate:.2f}"] for each in filled]
    columns = ("stored already", "readings/s, live", "ratio to none")
    found.tables.append(ResultTable("documents", "More readings stored already", columns, rows))


async def schedule_chapter(rig: BenchRig, found: Findings, tell: Tell, *, rounds: int, quick: bool) -> None:
    """One node with ten thousand meters."""
    del rounds
    tell("a node with 10,000 meters, one reading a second each")
    schedule = await keeps_schedule(rig, 10_000, 5 if quick else 30)
    found.raw["schedule"] = asdict(schedule)
    late = [f"{value:.1f}" for value in schedule.late_ms]
    row = [
        f"{schedule.meters:,}",
        f"{schedule.timed:,}",
        *late,
        f"{schedule.cpu_share:.0%}",
        f"{schedule.resident_mib:.0f}",
    ]
    columns = ("meters", "timed", "late p50 ms", "p99 ms", "max ms", "of a core", "MiB")
    found.tables.append(ResultTable("schedule", "A node's schedule, 1 s interval", columns, [row]))


async def stage_cost_chapter(rig: BenchRig, found: Findings, tell: Tell, *, rounds: int, quick: bool) -> None:
    """Where the time goes."""
    del rounds
    tell("the stages of the ingestor, one by one")
    stages = await asyncio.to_thread(stage_cost.stages, 10_000 if quick else 50_000)
    tell("the database alone")
    insertions = await asyncio.to_thread(stage_cost.insertions, rig, 30_000 if quick else READINGS)
    found.raw["stages"] = [asdict(each) for each in stages]
    found.raw["database"] = [asdict(each) for each in insertions]
    rows = [[each.name, f"{each.cost_us:.2f}"] for each in stages]
    rows.append(["all of it", f"{sum(each.cost_us for each in stages):.2f}"])
    found.tables.append(
        ResultTable("stages", "What a reading costs the ingestor, alone", ("stage", "µs"), rows)
    )
    rows = [[each.name, f"{each.rate:,.0f}", f"{each.cpu_us:.1f}"] for each in insertions]
    columns = ("collection", "documents/s", "CPU µs/document")
    found.tables.append(ResultTable("database", "What a document costs mongod, alone", columns, rows))


async def alarm_cost_chapter(rig: BenchRig, found: Findings, tell: Tell, *, rounds: int, quick: bool) -> None:
    """The ingestor with alarms and without."""
    plans = alarm_cost.loads(QUICK_READINGS if quick else ALARM_READINGS)
    chosen = list(plans.items())[:1] if quick else list(plans.items())
    prices = [await alarm_cost.measure_alarm_cost(rig, load, plan, rounds, tell) for load, plan in chosen]
    found.raw["alarms"] = alarm_cost.to_raw(prices)
    found.tables.append(alarm_cost.to_table(prices))


async def security_cost_chapter(
    rig: BenchRig, found: Findings, tell: Tell, *, rounds: int, quick: bool
) -> None:
    """Servers that are open, that ask who comes, and that encrypt."""
    count = QUICK_READINGS if quick else READINGS
    those = await security_cost.compare(rig.folder / "guards", count, rounds, tell)
    found.raw["security"] = [asdict(each) for each in those]
    found.tables.append(security_cost.to_table(those))


async def page_query_chapter(rig: BenchRig, found: Findings, tell: Tell, *, rounds: int, quick: bool) -> None:
    """What the pages ask the database."""
    del rounds
    asked = {}
    for count in (30_000,) if quick else (300_000, 30_000_000):
        await many_meters.fill_with_meters(rig, count, tell)
        tell(f"pages: {count:,} readings stored")
        asked[count] = await page_queries.ask_all(rig)
    found.raw["pages"] = {count: [asdict(each) for each in those] for count, those in asked.items()}
    found.tables.append(page_queries.to_table(asked))


# Growth is the last: a database that has just dropped thirty million documents is busy for a while.
CHAPTERS = {
    "throughput": throughput_chapter,
    "latency": latency_chapter,
    "sensors": schedule_chapter,
    "alarms": alarm_cost_chapter,
    "security": security_cost_chapter,
    "costs": stage_cost_chapter,
    "pages": page_query_chapter,
    "growth": growth_chapter,
}
