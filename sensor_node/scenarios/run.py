"""``sensor-node run``: runs everything that a scenario describes, in one process."""

from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path

from pydantic import Field
from pydantic_settings import CliPositionalArg

from broker.program.settings import exit_with, read_settings
from sensor_node.fleet import run_fleet
from sensor_node.outbox.durable import open_outbox
from sensor_node.outbox.ledger import Ledger
from sensor_node.outbox.outbox import Outbox
from sensor_node.outbox.settings import TransportSettings
from sensor_node.plan import SimulationPlan
from sensor_node.recordings.series import RecordingError
from sensor_node.scenarios.scenario import ScenarioError, find_scenario, read_scenario
from sensor_node.scenarios.scenario_plan import plan_scenario, with_seed

PROGRAM = "sensor-node run"


class RunSettings(TransportSettings):
    """Run a scenario; Ctrl-C stops it cleanly.

    Built-in examples: lab-day, campus, bad-day.

    Example: sensor-node run bad-day --ledger ledger.jsonl
    """

    file: CliPositionalArg[Path] = Field(description="scenario file or name of an example")
    seed: int | None = Field(None, description="random seed instead of the scenario's")


def run_command(arguments: list[str]) -> None:
    """Read the options and the scenario, and run it."""
    settings = read_settings(RunSettings, arguments, PROGRAM)
    run_plan(with_seed(read_plan(settings.file, PROGRAM), settings.seed), settings)


def read_plan(file: Path, program: str) -> SimulationPlan:
    """Read a scenario and make its plan; exit with one sentence if that fails."""
    file = find_scenario(file)
    try:
        return plan_scenario(read_scenario(file), file.parent, datetime.now(UTC))
    except (ScenarioError, RecordingError) as error:
        exit_with(program, str(error), 1)


def run_plan(plan: SimulationPlan, settings: TransportSettings) -> None:
    """Run a plan until its end, or until told to stop."""

    async def prepare(stack: AsyncExitStack, ledger: Ledger) -> tuple[SimulationPlan, list[Outbox]]:
        folder, limit = settings.outbox, settings.outbox_limit
        if folder is None:
            return plan, [Outbox(limit, ledger) for _ in plan.nodes]
        files = [folder / f"{node.sensor_key.site}-{node.sensor_key.name}.db" for node in plan.nodes]
        return plan, [await stack.enter_async_context(open_outbox(file, limit, ledger)) for file in files]

    run_fleet(settings, prepare)
