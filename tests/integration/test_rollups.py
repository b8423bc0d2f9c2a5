"""Energy per hour and day, computed again whenever a reading touched them."""

from datetime import datetime, timedelta

import pytest

from ingestor.documents import utc_now
from stack.servers import Servers
from tests.conftest import StartIngestor
from tests.readings import payload
from tests.servers import RunningIngestor, Site, eventually, until_computed

pytestmark = pytest.mark.integration


async def test_hours_and_days_are_computed_and_late_data_changes_them(
    ingestor: RunningIngestor, place: Site
) -> None:
    values = {"2025-11-23T10:59:59.999Z": 1.5, "2025-11-23T11:00:00Z": 13.0, "2025-11-23T11:30:00Z": 2.0}
    await place.publish(*(payload(place.sensor, value, timestamp=at) for at, value in values.items()))
    wanted = ["start", "energy_kwh", "count", "max_kwh", "anomalies"]

    def periods(kind: str) -> list[list[object]]:
        found = place.database[kind].find({"sensor_id": place.sensor}).sort("start", 1)
        return [[each[name] for name in wanted] for each in found]

    hours = [[datetime(2025, 11, 23, 10), 1.5, 1, 1.5, 0], [datetime(2025, 11, 23, 11), 15.0, 2, 13.0, 1]]  # noqa: DTZ001
    await until_computed(lambda: periods("hourly") == hours)
    await until_computed(lambda: periods("daily") == [[datetime(2025, 11, 23), 16.5, 3, 13.0, 1]])  # noqa: DTZ001
    await place.publish(payload(place.sensor, 3.5, timestamp="2025-11-23T10:00:00Z"))
    await until_computed(lambda: periods("hourly")[0] == [datetime(2025, 11, 23, 10), 5.0, 2, 3.5, 0])  # noqa: DTZ001
    await until_computed(lambda: periods("daily")[0][1:3] == [20.0, 4])


async def test_new_ingestor_computes_what_others_left_but_not_their_whole_past(
    own_servers: Servers, own_place: Site, start_ingestor: StartIngestor
) -> None:
    database = own_place.database
    yesterday = utc_now() - timedelta(days=1)
    stored = {
        "_id": f"{own_place.sensor}@2025-11-23T10:00:00.000Z",
        "sensor_id": own_place.sensor,
        "site": "elsewhere",
        "location": None,
        "value_kwh": 1.5,
        "timestamp": datetime(2025, 11, 23, 10),  # noqa: DTZ001
        "received_at": yesterday,
        "is_anomaly": False,
        "status_message": "Consumption is normal.",
    }
    database.measures.insert_one(stored)

    def computed() -> int:
        return database.hourly.count_documents({"sensor_id": own_place.sensor})

    def is_done() -> bool:
        return database.checkpoints.find_one({"_id": own_place.site}) is not None

    for others_came_to, expected in ((yesterday + timedelta(hours=1), 0), (yesterday, 1), (None, 1)):
        database.hourly.delete_many({})
        database.checkpoints.delete_many({})
        if others_came_to is not None:
            recent = {"_id": "recent", "until": utc_now()}
            database.checkpoints.insert_many([recent, {"_id": "other", "until": others_came_to}])
        async with start_ingestor(on=own_servers):
            await eventually(is_done)
        assert computed() == expected
