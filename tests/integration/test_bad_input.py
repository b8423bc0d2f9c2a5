"""What bad input gets from the running system: a reason, a place in ``rejected``, and no delay."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.readings import payload, reading
from tests.servers import RunningIngestor, Site, Wire, balance, eventually

pytestmark = pytest.mark.integration


async def test_every_kind_of_bad_input_is_kept_with_its_reason_and_told(
    ingestor: RunningIngestor, place: Site, viewer: Wire
) -> None:
    def but(**changes: object) -> str:
        return json.dumps(reading(place.sensor, 1.0) | changes)

    bad = {
        "hello": "not JSON",
        but(value_kwh="1.82"): "value_kwh is not a number",
        but(value_kwh=float("nan")): "value_kwh is not a finite number",
        '{"value_kwh": 1.0}': "sensor_id is missing",
        but(sensor_id="Another"): f"the topic says {place.sensor}",
        but(timestamp="2026-11-23T10:00:00"): "timestamp has no UTC offset",
        but(timestamp="1969-07-20T20:17:00Z"): "before the year 2000",
        but(timestamp="2200-01-01T00:00:00Z"): "ahead of this ingestor's clock",
        "x" * 130_000: "the payload has 130,000 bytes",
        "[]": "an array holds 1 to 1,000 readings",
    }
    await place.publish(*bad, payload(place.sensor, 1.0))
    await eventually(lambda: len(viewer.on("energy/rejected/")) == len(bad))
    await place.until_stored(1)
    reasons = {each["payload"].decode(): each["reason"] for each in place.rejected()}
    assert reasons.keys() == bad.keys()
    for sent, part in bad.items():
        assert part in reasons[sent]
    told = sorted(json.loads(each.payload)["reason"] for each in viewer.on("energy/rejected/"))
    assert told == sorted(reasons.values())

    async def books_say() -> bool:
        books = await ingestor.books()
        assert balance(books) == 0
        return (books["received"], books["stored"], books["rejected"]) == (11, 1, 10)

    await eventually(books_say)


async def test_bad_row_does_not_take_its_neighbours_along(
    ingestor: RunningIngestor, place: Site, viewer: Wire
) -> None:
    rows = [reading(place.sensor, float(number), ago_s=number) for number in range(10)]
    rows[3]["value_kwh"] = float("nan")
    await place.publish(json.dumps(rows))
    stored = await place.until_stored(9)
    assert [each["value_kwh"] for each in stored] == [9, 8, 7, 6, 5, 4, 2, 1, 0]
    await eventually(lambda: bool(viewer.on("energy/rejected/")))
    assert json.loads(viewer.on("energy/rejected/")[0].payload) == {
        "kind": "invalid",
        "reason": "value_kwh is not a finite number",
        "row": 3,
    }
    assert place.rejected()[0]["row"] == 3


async def test_retained_reading_is_rejected_and_does_not_come_again(
    place: Site, sensors: Wire, ingestor: RunningIngestor
) -> None:
    topic = f"energy/readings/{place.site}/{place.sensor}"
    await sensors.publish(topic, payload(place.sensor, 1.0), retain=True)
    await eventually(lambda: len(place.rejected()) == 1)
    await ingestor.stop()
    await ingestor.start()
    await place.publish(payload(place.sensor, 2.0))
    await place.until_stored(1)
    assert [each["kind"] for each in place.rejected()] == ["retained"]
    await sensors.publish(topic, b"", retain=True)


async def test_wrong_ids_in_a_topic_are_rejected(
    ingestor: RunningIngestor, place: Site, sensors: Wire
) -> None:
    await sensors.publish(f"energy/readings/{place.site}/no spaces please", payload(place.sensor, 1.0))
    await sensors.publish(f"energy/status/{place.site}/{place.sensor}", "not a status")
    await eventually(lambda: len(place.rejected()) == 2)
    assert {each["kind"] for each in place.rejected()} == {"topic", "status"}
    assert balance(await ingestor.books()) == 0


async def test_hostile_status_cannot_fill_the_memory(
    ingestor: RunningIngestor, place: Site, sensors: Wire
) -> None:
    status = f"energy/status/{place.site}/{place.sensor}"
    await sensors.publish(status, '{"state": "online", "sensors": 1000000000}')
    await eventually(lambda: len(place.rejected()) == 1)
    assert place.database.sensors.count_documents({"site": place.site}) == 0


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
values = st.one_of(
    scalars, st.lists(scalars, max_size=3), st.dictionaries(st.text(max_size=5), scalars, max_size=3)
)
fields = st.fixed_dictionaries(
    {},
    optional={
        "sensor_id": values,
        "value_kwh": st.floats(0, 20) | values,
        "timestamp": st.floats(1e9, 2e9) | values,
        "location": values,
        "sequence": values,
    },
)
any_payload = (
    st.binary(min_size=1, max_size=200)
    | fields.map(json.dumps)
    | st.lists(fields, min_size=1, max_size=9).map(json.dumps)
)


@settings(max_examples=1, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    payloads=st.lists(
        st.binary(min_size=1, max_size=200)
        | fields.map(json.dumps)
        | st.lists(fields, min_size=1, max_size=9).map(json.dumps),
        min_size=300,
        max_size=600,
    )
)
async def test_no_payload_stops_the_ingestor(
    ingestor: RunningIngestor, place: Site, payloads: list[bytes | str]
) -> None:
    """Hundreds of payloads made up by chance; then a good reading must pass as ever."""
    rows = sum(
        len(json.loads(each)) if isinstance(each, str) and each.startswith("[") else 1 for each in payloads
    )
    before = await ingestor.books()
    await place.publish(*payloads)

    async def all_settled() -> bool:
        books = await ingestor.books()
        return books["received"] - before["received"] == rows and books["pending"] == 0

    await eventually(all_settled)
    books = await ingestor.books()
    assert balance(books) == 0
    assert books["rejected"] == len(place.rejected())
    await place.publish(payload(place.sensor, 1.0))
    await eventually(lambda: bool(place.stored(value_kwh=1.0)))
