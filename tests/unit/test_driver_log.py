"""What MongoDB's driver writes on its own when the database hangs."""

import subprocess
import sys

PROGRAM = """
import asyncio, logging
from broker.program.process import run

async def main(stop):
    try:
        raise TimeoutError("timed out")
    except TimeoutError:
        logging.getLogger({logger!r}).exception("MongoClient background task encountered an error:")

run("monitor", main)
"""


def said(logger: str) -> str:
    command = [sys.executable, "-c", PROGRAM.format(logger=logger)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stderr  # noqa: S603


def test_driver_shows_no_traceback_and_others_do() -> None:
    assert said("pymongo.client") == ""
    assert "Traceback" in said("ingestor")
