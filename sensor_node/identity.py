"""How a node finds its sensor id: the first one whose outbox no other node uses.

Copies of one container all start with the same options and share a folder of outboxes. Each takes the
first whose lock is free, with the readings in it.
"""

import contextlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from broker.messages import MAX_SENSORS_PER_NODE, numbered_sensor_ids
from sensor_node.outbox.durable import OutboxError, OutboxTakenError, open_outbox
from sensor_node.outbox.ledger import Ledger
from sensor_node.outbox.outbox import Outbox
from sensor_node.settings import FIRST_SENSOR, SensorNodeSettings


@asynccontextmanager
async def claim_outbox(settings: SensorNodeSettings, ledger: Ledger) -> AsyncIterator[tuple[str, Outbox]]:
    """Open the node's outbox and return it with the id of the first meter.

    Raises:
        OutboxError: The outbox cannot be used, or another node uses it.
    """
    path, limit = settings.outbox, settings.outbox_limit
    if path is None:
        yield settings.sensor_id or FIRST_SENSOR, Outbox(limit, ledger)
    elif not path.is_dir():
        async with open_outbox(path, limit, ledger) as outbox:
            yield settings.sensor_id or FIRST_SENSOR, outbox
    elif settings.sensor_id is not None:
        async with open_outbox(path / f"{settings.sensor_id}.db", limit, ledger) as outbox:
            yield settings.sensor_id, outbox
    elif settings.count > 1:
        raise OutboxError("--count with an outbox folder needs --sensor-id")
    else:
        async with _first_free(path, limit, ledger) as claimed:
            yield claimed


@asynccontextmanager
async def _first_free(folder: Path, limit: int, ledger: Ledger) -> AsyncIterator[tuple[str, Outbox]]:
    async with AsyncExitStack() as stack:
        for sensor_id in numbered_sensor_ids(FIRST_SENSOR, MAX_SENSORS_PER_NODE):
            with contextlib.suppress(OutboxTakenError):
                path = folder / f"{sensor_id}.db"
                outbox = await stack.enter_async_context(open_outbox(path, limit, ledger))
                break
        else:
            raise OutboxError(f"all outboxes in {folder} are in use")
        yield sensor_id, outbox
