"""The command ``sensor-node``."""

import asyncio
import sys

from broker.client import BrokerRefusedError
from broker.process import run
from broker.settings import read_settings
from sensor_node.durable import OutboxError
from sensor_node.identity import claim
from sensor_node.ledger import LedgerError, open_ledger
from sensor_node.node import Node, NotConfirmedError
from sensor_node.settings import SensorNodeSettings

PROGRAM = "sensor-node"


def main() -> None:
    """Read the settings and run until told to stop."""
    settings = read_settings(SensorNodeSettings, sys.argv[1:], PROGRAM)

    async def measure(stop: asyncio.Event) -> None:
        async with open_ledger(settings.ledger) as ledger, claim(settings, ledger) as (sensor_id, outbox):
            try:
                await Node(settings, sensor_id, outbox, stop).run()
            finally:
                await ledger.end(outbox.kept)

    run(PROGRAM, measure, BrokerRefusedError, LedgerError, OutboxError, NotConfirmedError)


if __name__ == "__main__":
    main()
