"""Take from messages what nobody reads of them: it may be a thousand times as large as what is read."""

from collections.abc import Sequence

from mqtt5 import PublishPacket

from broker.topics import Topics

# A content type chooses the decoder; their names are shorter.
MAX_CONTENT_TYPE = 100


def trim(packets: Sequence[PublishPacket], max_topic: int) -> Sequence[PublishPacket]:
    """Drop the properties of messages but their content type, and cut their topics.

    A user property of 7 bytes takes 120 as an object. Messages that have none stay as they are.

    Args:
        packets: Messages of the broker.
        max_topic: How many characters the longest topic has that could be one of ours.
    """
    odd = [
        packet
        for packet in packets
        if packet.user_properties
        or packet.content_type
        or packet.correlation_data
        or packet.response_topic
        or len(packet.topic) > max_topic
    ]
    return [_trimmed(packet, max_topic) for packet in packets] if odd else packets


def _trimmed(packet: PublishPacket, max_topic: int) -> PublishPacket:
    topic, content_type = packet.topic, packet.content_type
    return PublishPacket(
        topic if len(topic) <= max_topic else Topics.truncate(topic),
        packet.payload,
        qos=packet.qos,
        retain=packet.retain,
        packet_id=packet.packet_id,
        content_type=content_type if content_type and len(content_type) <= MAX_CONTENT_TYPE else None,
    )
