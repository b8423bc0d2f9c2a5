"""The command ``ingestor``."""

import asyncio
import gc
import sys

from broker.errors import BrokerRejectedError
from broker.program.process import run
from broker.program.settings import exit_with as end
from broker.program.settings import read_settings
from ingestor.alarms.config.check_config import check_config
from ingestor.alarms.config.config import AlarmConfig
from ingestor.alarms.config.parse import AlarmConfigError, read_config
from ingestor.health import HealthAddressError, serve_health
from ingestor.receive.register import Register, RegisterError
from ingestor.service import Ingestor
from ingestor.settings import IngestorSettings
from ingestor.store.reading_store import open_store
from ingestor.store.retry import StoreRejectedError

PROGRAM = "ingestor"


def main() -> None:
    """Run the command that the first argument names, or the ingestor itself."""
    command, arguments = next(iter(sys.argv[1:]), ""), sys.argv[2:]
    if command == "check-config":
        check_config(arguments)
    else:
        _ingest(sys.argv[1:])


def _ingest(arguments: list[str]) -> None:
    """Read the settings and run until told to stop."""
    settings = read_settings(IngestorSettings, arguments, PROGRAM)
    try:
        config = read_config(settings.alarms) if settings.alarms else AlarmConfig()
    except AlarmConfigError as error:
        end(PROGRAM, f"{settings.alarms}: {error}")
    try:
        register = Register(settings.register)
    except RegisterError as error:
        end(PROGRAM, str(error))

    # Readings make no cycles, so they need no collector; what there is at the start stays anyway.
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)

    async def serve(stop: asyncio.Event) -> None:
        async with open_store(settings.mongo_url) as store:
            ingestor = Ingestor(settings, config, register, store, stop)
            async with serve_health(settings.http, ingestor.state, settings.hosts):
                await ingestor.run()

    run(PROGRAM, serve, BrokerRejectedError, StoreRejectedError, HealthAddressError, is_service=True)


if __name__ == "__main__":
    main()
