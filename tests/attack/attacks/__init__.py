"""Each attack by its name. One more is a function and a line here."""

from collections.abc import Awaitable, Callable, Mapping

from tests.attack.attacks.broker_memory import sessions, subscriptions, unreleased_qos_2
from tests.attack.attacks.http import announced_packets, endless_headers, silent_connections
from tests.attack.attacks.inventions import invented_nodes, invented_sensors
from tests.attack.attacks.people import commands, endless_attachments, long_names
from tests.attack.attacks.publishing import (
    full_arrays,
    long_topics,
    padded_readings,
    rejected_payloads,
    user_properties,
)
from tests.attack.attacks.statuses import large_fleets, offline_statuses
from tests.attack.target import AttackTarget

Attack = Callable[[AttackTarget, float], Awaitable[None]]

ATTACKS: Mapping[str, Attack] = {
    "headers": endless_headers,
    "connections": silent_connections,
    "announced": announced_packets,
    "statuses": offline_statuses,
    "fleets": large_fleets,
    "nodes": invented_nodes,
    "sensors": invented_sensors,
    "properties": user_properties,
    "rejected": rejected_payloads,
    "padded": padded_readings,
    "arrays": full_arrays,
    "subscriptions": subscriptions,
    "qos2": unreleased_qos_2,
    "sessions": sessions,
    "topics": long_topics,
    "commands": commands,
    "attachments": endless_attachments,
    "names": long_names,
}
