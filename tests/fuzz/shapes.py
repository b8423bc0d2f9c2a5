"""Inputs that look like what is meant: known ones with pieces replaced, and JSON with every kind of value."""

import json

from hypothesis import strategies as st

from tests.fuzz.targets import Target

# Longer ones are tried as they are.
MOST_BYTES = 2000
ODD_TEXTS = (
    "",
    "S-1",
    "lari",
    "a\u202e\x1b[2J",
    "\x00",
    "x" * 201,
    "silent",
    "2026-11-23T10:00:00Z",
    "online",
)
ODD_NUMBERS = (
    0,
    1,
    -1,
    0.5,
    60,
    2**63 - 1,
    2**63,
    10**400,
    float("nan"),
    float("inf"),
    -0.0,
    1e6,
    1795428000,
)
FIELDS = {
    "payload": ("sensor_id", "value_kwh", "timestamp", "location", "sequence", "more"),
    "command": ("acknowledge", "shelve", "minutes", "user"),
    "status": ("state", "sensors", "since", "updated", "outbox_depth", "oldest_age_s", "refused"),
    "register": ("name", "role", "sites", "managed"),
    "ledger": ("event", "site", "reading", "sensor_id", "sequences"),
}
IN_A_LIST = {"register"}
ABOVE = {"payload": b"lari/S-1\n", "command": b"lari/S-1\n", "status": b"lari/S-1\n"}

_values = st.recursive(
    st.none() | st.booleans() | st.sampled_from(ODD_NUMBERS) | st.floats() | st.sampled_from(ODD_TEXTS),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(ODD_TEXTS), inner, max_size=3)
    ),
    max_leaves=5,
)


def inputs(name: str, target: Target) -> st.SearchStrategy[bytes]:
    """Inputs for one target."""
    known = _spliced(target)
    return known | _objects(name) if name in FIELDS else known


@st.composite
def _spliced(draw: st.DrawFn, target: Target) -> bytes:
    """A known input, in which up to four pieces are replaced by words of the language or by anything."""
    data = draw(st.sampled_from([seed for seed in target.SEEDS if len(seed) <= MOST_BYTES]))
    pieces = st.sampled_from(target.TOKENS) | st.binary(max_size=8)
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(data)))
        end = start + draw(st.integers(0, 20))
        data = data[:start] + draw(pieces) + data[end:]
    return data


@st.composite
def _objects(draw: st.DrawFn, name: str) -> bytes:
    """JSON objects of which each field has any value, and may come twice."""
    fields = st.tuples(st.sampled_from(FIELDS[name]), _values)
    objects = st.lists(fields, max_size=7).map(_to_json)
    rows = draw(st.lists(objects, min_size=1, max_size=4))
    if name == "ledger":
        return b"\n".join(rows)
    is_list = name in IN_A_LIST or (name == "payload" and draw(st.booleans()))
    return ABOVE.get(name, b"") + (b"[" + b",".join(rows) + b"]" if is_list else rows[0])


def _to_json(fields: list[tuple[str, object]]) -> bytes:
    return (
        b"{" + b",".join(f"{json.dumps(name)}:{json.dumps(value)}".encode() for name, value in fields) + b"}"
    )
