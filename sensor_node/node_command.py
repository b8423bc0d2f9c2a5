"""The command ``sensor-node`` alone: one node until told to stop.

Copies of one container all start with the same options and share a folder of outboxes. Each takes the
first whose lock is free, with the readings in it, and its sensor id.
"""

import contextlib
from contextlib import AsyncExitStack

from broker.messages import MAX_SENSORS_PER_NODE, numbered_sensor_ids
from broker.program.settings import read_settings
from sensor_node.fleet import run_fleet
from sensor_node.outbox.durable import OutboxError, OutboxTakenError, open_outbox
from sensor_node.outbox.ledger import Ledger
from sensor_node.outbox.outbox import Outbox
from sensor_node.plan import SimulationPlan
from sensor_node.settings import FIRST_SENSOR, SensorNodeSettings


def node_command(arguments: list[str]) -> None:
    """Read the settings and run a node until told to stop."""
    settings = read_settings(SensorNodeSettings, arguments, "sensor-node")

    async def prepare(stack: AsyncExitStack, ledger: Ledger) -> tuple[SimulationPlan, list[Outbox]]:
        sensor_id, outbox = await claim_outbox(stack, settings, ledger)
        return settings.plan(sensor_id), [outbox]

    run_fleet(settings, prepare)


async def claim_outbox(
    stack: AsyncExitStack, settings: SensorNodeSettings, ledger: Ledger
) -> tuple[str, Outbox]:
    """Open the node's outbox and return it with the id of the first meter."""
    path, limit, sensor_id = settings.outbox, settings.outbox_limit, settings.sensor_id
    if path is None:
        return sensor_id or FIRST_SENSOR, Outbox(limit, ledger)
    if sensor_id is not None or not path.is_dir():
        file = path / f"{sensor_id}.db" if path.is_dir() else path
        outbox = await stack.enter_async_context(open_outbox(file, limit, ledger))
        return sensor_id or FIRST_SENSOR, outbox
    if settings.count > 1:
        raise OutboxError("--count with an outbox folder needs --sensor-id")
    for free_id in numbered_sensor_ids(FIRST_SENSOR, MAX_SENSORS_PER_NODE):
        with contextlib.suppress(OutboxTakenError):
            outbox = await stack.enter_async_context(open_outbox(path / f"{free_id}.db", limit, ledger))
            return free_id, outbox
    raise OutboxError(f"all outboxes in {path} are in use")
