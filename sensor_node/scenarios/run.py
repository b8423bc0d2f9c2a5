"""``sensor-node run``: runs everything that a scenario describes, in one process."""

from contextlib import AsyncExitStack
from dataclasses import replace
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
from sensor_node.plan import PlanError, SimulationPlan
from sensor_node.scenarios.scenario import find_scenario, read_scenario
from sensor_node.scenarios.scenario_plan import plan_scenario

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
    run_plan(read_plan(settings.file, PROGRAM, settings.seed), settings)


def read_plan(file: Path, program: str, seed: int | None = None) -> SimulationPlan:
    """Read a scenario and make its plan, with another seed if one is given; exit if that fails."""
    file = find_scenario(file)
    try:
        plan = plan_scenario(read_scenario(file), file.parent, datetime.now(UTC))
    except PlanError as error:
        exit_with(program, str(error), 1)
    return plan if seed is None else replace(plan, seed=seed)


def run_plan(plan: SimulationPlan, settings: TransportSettings) -> None:
    """Run a plan until its end, or until told to stop."""

    async def prepare(stack: AsyncExitStack, ledger: Ledger) -> tuple[SimulationPlan, list[Outbox]]:
        folder, limit = settings.outbox, settings.outbox_limit
        if folder is None:
            return plan, [Outbox(limit, ledger) for _ in plan.nodes]
        files = [folder / f"{node.sensor_key.site}-{node.sensor_key.name}.db" for node in plan.nodes]
        return plan, [await stack.enter_async_context(open_outbox(file, limit, ledger)) for file in files]

    run_fleet(settings, prepare)
