"""The decoders: from a payload to its rows. Adding a format is one file, and one line below."""

from collections.abc import Callable

from ingestor.decode.energy_json import decode_json
from ingestor.delivery import Delivery

# Fills in ``rows``, from 1 to 1,000, and ``is_array``; rejects what it cannot read. It needs no clock and no
# database.
Decoder = Callable[[Delivery], None]

# By the content type that a publisher may give with its message (MQTT 5, 3.3.2.3.9).
DECODERS: dict[str | None, Decoder] = {
    "application/json": decode_json,
}


def decode(delivery: Delivery) -> None:
    """Decode a delivery; one whose content type is missing or not known is decoded as JSON."""
    DECODERS.get(delivery.packet.content_type, decode_json)(delivery)
