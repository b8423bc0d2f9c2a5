"""What alarms cost: the ingestor as users run it beside one that knows none, in turn."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from statistics import median

from bench.load.load_plan import LoadPlan
from bench.measure.throughput import BenchConsumer, live
from bench.processes import BenchProcess
from bench.rig import BenchRig
from bench.table import ResultTable, spread

PROGRAMS = {"with": "ingestor", "without": "bench.measure.without_alarms"}


@dataclass(frozen=True, slots=True)
class AlarmCost:
    """CPU time per reading of both, microseconds, one value a round."""

    load: str
    with_us: list[float]
    without_us: list[float]

    @property
    def ratio(self) -> float:
        """With alarms to without, of the medians."""
        return median(self.with_us) / median(self.without_us)

    def to_row(self) -> list[str]:
        """For a table."""
        return [
            self.load,
            spread(self.without_us, ".1f"),
            spread(self.with_us, ".1f"),
            f"{self.ratio:.2f}",
        ]


def loads(count: int) -> dict[str, LoadPlan]:
    """What is published."""
    return {
        "all is well, 100 sensors": LoadPlan(count, anomalies=0),
        "one reading in a hundred is an alarm of its own, 100 sensors": LoadPlan(count, scattered=True),
        "the same, 1,000 sensors": LoadPlan(count, sensors=1000, scattered=True),
    }


async def measure_alarm_cost(
    rig: BenchRig, load: str, plan: LoadPlan, rounds: int, tell: Callable[[str], None]
) -> AlarmCost:
    """Measure both in turn, so that what the machine does besides meets both."""
    found: dict[str, list[float]] = {name: [] for name in PROGRAMS}
    for number in range(1, rounds + 1):
        for name, program in PROGRAMS.items():
            tell(f"round {number} of {rounds}, {name} alarms: {load}")
            consumer = BenchConsumer(name, "measures", _opener(program), plan)
            found[name].append((await live(rig, consumer)).cpu_us)
    return AlarmCost(load, found["with"], found["without"])


def _opener(program: str) -> Callable[[BenchRig, LoadPlan], BenchProcess]:
    return lambda rig, _: rig.ingestor(program)


def to_table(prices: list[AlarmCost]) -> ResultTable:
    """Show them."""
    columns = ("load", "CPU µs/reading without", "with alarms", "ratio")
    return ResultTable("alarms", "What alarms cost", columns, [each.to_row() for each in prices])


def to_raw(prices: list[AlarmCost]) -> list[dict[str, object]]:
    """For programs."""
    return [asdict(each) for each in prices]
