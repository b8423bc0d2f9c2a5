"""The parts of the measurements that could tell a lie without anybody noticing."""

import json
import socket
from array import array
from collections.abc import Iterator
from pathlib import Path

import pytest
from mqtt5 import PubAckPacket, PubAckReasonCode, PublishPacket, QoS, read
from rich.console import Console

from bench.load.load_plan import HIGH_KWH, LoadPlan
from bench.load.mqtt_socket import MqttSocket
from bench.measure.latency import percentiles
from bench.measure.ratios import costs, rates, ratios
from bench.measure.throughput import Sample, consumers
from bench.plot import draw
from bench.table import ResultTable, spread
from ingestor.delivery import Delivery
from ingestor.documents import utc_now
from ingestor.validate import sensor_key
from tests.deliveries import Valid, check


@pytest.fixture
def wires(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[MqttSocket, socket.socket]]:
    """A wire and what is at its other end, with no broker between."""
    near, far = socket.socketpair()
    wire = MqttSocket.__new__(MqttSocket)
    wire.socket = near
    monkeypatch.setattr(wire, "_rest", b"", raising=False)
    with near, far:
        yield wire, far


def publish(packet_id: int, payload: bytes) -> bytes:
    return PublishPacket("a/b", payload, qos=QoS.AT_LEAST_ONCE, packet_id=packet_id).write()


@pytest.mark.parametrize("cut", range(1, 330, 7))
def test_messages_are_found_wherever_the_stream_is_cut(
    wires: tuple[MqttSocket, socket.socket], cut: int
) -> None:
    wire, far = wires
    stream = publish(1, b"x") + PubAckPacket(9).write() + publish(2, b"y" * 300) + publish(3, b"")
    far.sendall(stream[:cut])
    found = wire.publishes()
    far.sendall(stream[cut:])
    found += wire.publishes()
    assert found == [b"\x00\x01", b"\x00\x02", b"\x00\x03"]


def test_pubacks_are_counted_whatever_their_form(wires: tuple[MqttSocket, socket.socket]) -> None:
    wire, far = wires
    short = [PubAckPacket(number).write() for number in (1, 2, 3)]
    unheard = PubAckPacket(4, reason_code=PubAckReasonCode.NO_MATCHING_SUBSCRIBERS).write()
    far.sendall(b"".join(short) + short[0][:2])
    assert wire.pubacks() == 3
    far.sendall(short[0][2:] + unheard + short[1])
    assert wire.pubacks() == 3


@pytest.mark.parametrize(
    "plan", [LoadPlan(300, sensors=7, sequences=True), LoadPlan(300, sensors=3, array=10)]
)
def test_what_is_published_are_distinct_valid_readings(plan: LoadPlan) -> None:
    ids, anomalies = set(), 0
    for packed in plan.packets():
        packet, _ = read(memoryview(packed))
        assert isinstance(packet, PublishPacket)
        for each in check(Delivery(packet, sensor_key(packet.topic)), utc_now()):
            assert isinstance(each, Valid)
            ids.add((each.reading["sensor_id"], each.timestamp[1]))
            anomalies += each.reading["value_kwh"] == HIGH_KWH
            assert ("sequence" in each.reading) == plan.sequences
    assert len(ids) == plan.count
    assert anomalies == plan.count * plan.anomalies // 100


def test_readings_of_a_thousand_in_a_payload_fit_into_one() -> None:
    (packed,) = LoadPlan(1000, sensors=1, array=1000).packets()
    packet, _ = read(memoryview(packed))
    assert isinstance(packet, PublishPacket)
    assert all(
        isinstance(each, Valid) for each in check(Delivery(packet, sensor_key(packet.topic)), utc_now())
    )


def test_percentiles_pair_messages_by_their_order() -> None:
    sent = array("d", range(100))
    came = array("d", [moment + (0.5 if moment == 50 else 0.001) for moment in range(100)])
    found = percentiles("a way", 1, sent, came)
    assert found.milliseconds == pytest.approx((1.0, 1.0, 500.0))
    with pytest.raises(ValueError, match="argument 2 is shorter"):
        percentiles("a way", 1, sent, came[:-1])


def test_ratios_are_those_of_each_round() -> None:
    samples = [
        Sample(name, "live", rate, 10.0, 80.0)
        for ours, limit in ((60, 100), (90, 100), (35, 50))
        for name, rate in (("ours", ours), ("limit", limit))
    ]
    assert ratios(samples).rows[0] == ["live: ours / limit", "0.70 (0.60-0.90)", "0.70"]
    assert rates(samples, "live").rows[0] == ["ours", "60 (35-90)", "10.0 (10.0-10.0)", "80"]


def test_costs_add_up() -> None:
    samples = [Sample("ours", "live", 100_000.0, 7.5, 80.0, 1.2, 3.4, 7.6)]
    assert costs(samples).rows == [["live: ours", "1.2", "7.5", "3.4", "7.6", "19.7"]]


def test_tables_fit_a_terminal_of_eighty_columns() -> None:
    names = [each.name for each in consumers(1)]
    samples = [
        Sample(name, mode, rate, rate / 300, 80.0)
        for rate in (80_000.0, 100_000.0, 123_456.0)
        for mode in ("live", "catch-up")
        for name in names
    ]
    console = Console(width=200)
    for table in (rates(samples, "live"), rates(samples, "catch-up"), ratios(samples)):
        with console.capture() as shown:
            console.print(table.to_rich())
        assert max(len(line.rstrip()) for line in shown.get().splitlines()) <= 80


def test_one_measurement_has_no_spread() -> None:
    assert spread([1234.4]) == "1,234"


def test_table_in_a_document() -> None:
    table = ResultTable("t", "T", ("name", "number"), [("a", "1")])
    assert table.to_markdown() == "| name | number |\n| --- | ---: |\n| a | 1 |\n"


def test_plot_names_everybody(tmp_path: Path) -> None:
    path = tmp_path / "plot.svg"
    draw([Sample(name, "live", 1000.0, 10.0, 80.0) for name in ("ours", "limit")], path)
    assert path.read_text().startswith("<?xml")
    before = path.read_bytes()
    draw([Sample(name, "live", 1000.0, 10.0, 80.0) for name in ("ours", "limit")], path)
    assert path.read_bytes() == before


def test_plan_survives_the_way_to_the_publisher() -> None:
    plan = LoadPlan(10, sensors=2, rate=5.0)
    assert LoadPlan(**json.loads(json.dumps(plan.to_dict()))) == plan
