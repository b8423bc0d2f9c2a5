"""One sensor speaks of fleets that it does not have."""

from mqtt5 import PublishPacket, QoS

from tests.attack.attacks.raw_client import packet_id, write_for
from tests.attack.target import AttackTarget

TOPIC = "energy/status/a/sensor-a1"


async def _say(target: AttackTarget, seconds: float, *payloads: bytes) -> None:
    def packet(number: int) -> bytes:
        payload = payloads[number % len(payloads)]
        return PublishPacket(
            TOPIC, payload, qos=QoS.AT_LEAST_ONCE, packet_id=packet_id(number), retain=True
        ).write()

    await write_for(target.world.url("sensor-a1"), "statuses", seconds, packet)


async def offline_statuses(target: AttackTarget, seconds: float) -> None:
    """Say that 100,000 sensors are offline, as fast as the broker takes it."""
    await _say(target, seconds, b'{"state":"offline","sensors":100000}')


async def large_fleets(target: AttackTarget, seconds: float) -> None:
    """Be a fleet that comes and goes, each time of another size."""
    sizes = range(20_000, 100_001, 20_000)
    comes_and_goes = [
        payload
        for size in sizes
        for payload in (b'{"state":"online","sensors":%d}' % size, b'{"state":"offline"}')
    ]
    await _say(target, seconds, *comes_and_goes)
