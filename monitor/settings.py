"""What the monitor's commands can be told."""

from pydantic import Field

from broker.settings import MongoUrl, ProcessSettings


class WatchSettings(ProcessSettings):
    """Show readings as they are stored, one line each, until Ctrl-C.

    Example: monitor watch --mongo-url mongodb://viewer:secret@localhost/energy_db
    """

    mongo_url: MongoUrl = Field("mongodb://127.0.0.1:27017/energy_db", description="the database")
