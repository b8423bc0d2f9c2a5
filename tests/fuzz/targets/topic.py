"""Topics: an input is root, site and name with bars between.

Whatever is an id is one level of a topic, and nothing else is an id. Topics of different kinds are never
the same, and a filter finds those of its kind only.
"""

import re

from pydantic import TypeAdapter, ValidationError

from broker.topics import SensorId, SensorKey, SiteId, TopicRoot, Topics

_root, _site, _sensor = TypeAdapter(TopicRoot), TypeAdapter(SiteId), TypeAdapter(SensorId)
is_id = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}").fullmatch
SEEDS = tuple(
    text.encode(errors="surrogatepass")
    for text in (
        "energy|lari|S-1",
        "energy/a|lari|S-1",
        "energy|lari|S-1\n",
        "energy|lari\n|S-1",
        "energy\n|lari|S-1",
        "energy|+|#",
        "energy|$SYS|%u",
        f"energy|{'a' * 64}|{'b' * 64}",
        f"energy|{'a' * 65}|b",
        "/".join(["a"] * 8) + "|lari|S-1",
        "/".join(["a"] * 9) + "|lari|S-1",
        f"energy|lari|{'S' * 65_536}",
        "energy|lari|S\u202e1",
        "energy|lari|\uff33-1",
        "energy|l\u0131ri|\u0661",
        "energy|lari|\ud800",
        "readings|readings|readings",
        "energy/readings|alarms|status",
        "|||",
    )
)
TOKENS = tuple(b"energy|lari|S-1 |lari| readings alarms + # $SYS \xe2\x80\xae .. - _".split())


def check(data: bytes) -> None:
    root, site, name = [*data.decode(errors="replace").split("|", 2), "", ""][:3]
    _check_ids(site, name)
    # What the broker delivers has no wildcards and no NUL, and a level has no slash.
    site, name = (re.sub(r"[+#\0/]", "", each) for each in (site, name))
    place = Topics.sensor_key(f"energy/readings/{site}/{name}")
    assert place == (site, name)
    assert place.is_valid == bool(is_id(site) and is_id(name))
    topics = Topics(root)
    back = topics.rejected(place)
    assert not set("+#\0") & set(back.removeprefix(root))
    if place.is_valid and _takes(_root, root):
        _check_topics(topics, site, name)


def _takes(adapter: TypeAdapter[str], text: str) -> bool:
    try:
        return bool(adapter.validate_python(text) == text)
    except ValidationError:
        return False


def _check_ids(site: str, name: str) -> None:
    """The three that know what an id is say the same."""
    assert _takes(_site, site) == bool(is_id(site))
    assert _takes(_sensor, name) == bool(is_id(name))


def _check_topics(topics: Topics, site: str, name: str) -> None:
    place = Topics.sensor_key(topics.readings(site, name))
    of_sensor = {
        "readings": topics.readings(site, name),
        "status": topics.status(site, name),
        "stored": topics.stored(site, name),
        "alerts": topics.alerts(site, name),
        "alarms": topics.alarms(site, name),
        "commands": topics.commands(site, name),
        "rejected": topics.rejected(place),
    }
    levels = len(topics.root.split("/"))
    for kind, topic in of_sensor.items():
        assert topic.split("/")[levels:] == [kind, site, name]
        assert not re.search(r"[+#\0\s]", topic)
        assert len(topic.encode()) < 65_536
        assert Topics.sensor_key(topic) == (site, name)
        assert matches(topics.site_filter(site), topic)
        assert topic.startswith(topics.readings_prefix) == (kind == "readings")
        assert topic.startswith(topics.commands_prefix) == (kind == "commands")
    assert len({*of_sensor.values(), topics.alarm_flood(site), topics.ingestors(name)}) == len(of_sensor) + 2
    for wanted in (site, "+"):
        filters = {
            "readings": topics.readings(wanted, "+"),
            "status": topics.status(wanted, "+"),
            "commands": topics.commands(wanted, "+"),
            "rejected": topics.rejected(SensorKey(wanted, "+")),
        }
        for kind, pattern in filters.items():
            assert [each for each in of_sensor if matches(pattern, of_sensor[each])] == [kind]


def matches(wanted: str, topic: str) -> bool:
    """Whether a filter finds a topic, as MQTT has it."""
    pairs = list(zip(wanted.split("/"), topic.split("/"), strict=False))
    return wanted.count("/") == topic.count("/") and all(level in {"+", is_} for level, is_ in pairs)
