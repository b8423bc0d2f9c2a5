"""A gateway invents what it has: nodes and sensors without end."""

from mqtt5 import PublishPacket, QoS

from tests.attack.attacks.raw_client import packet_id, write_for
from tests.attack.target import AttackTarget
from tests.readings import payload

GONE = b'{"state":"offline","sensors":100000}'


async def invented_nodes(target: AttackTarget, seconds: float) -> None:
    """Say of ever other nodes that they are offline, and keep that on the broker."""

    def packet(number: int) -> bytes:
        topic = f"energy/status/a/node-{number}"
        return PublishPacket(
            topic, GONE, qos=QoS.AT_LEAST_ONCE, packet_id=packet_id(number), retain=True
        ).write()

    await write_for(target.world.url("gateway-a"), "nodes", seconds, packet)


async def invented_sensors(target: AttackTarget, seconds: float) -> None:
    """Send one reading of ever other sensors."""

    def packet(number: int) -> bytes:
        name = f"invented-{number}"
        topic, reading = f"energy/readings/a/{name}", payload(name, 1.0).encode()
        return PublishPacket(topic, reading, qos=QoS.AT_LEAST_ONCE, packet_id=packet_id(number)).write()

    await write_for(target.world.url("gateway-a"), "sensors", seconds, packet)
