"""What each role may do on the broker: an account as lines of Mosquitto's access list.

An account's topics are spelled out: a pattern with the client's name in it would let a client choose its
rights by choosing its name.
"""

from typing import Annotated, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator

from broker.topics import SensorKey, SiteId, Topics

Role = Literal["sensor", "gateway", "ingestor", "viewer", "operator", "health"]
ROLES: tuple[Role, ...] = get_args(Role)
HEALTH_TOPIC = "health/broker"
# In the access list: (may read, may write).
TopicRights = tuple[list[str], list[str]]


class Account(BaseModel):
    """A user of the broker.

    Attributes:
        name: The user name; a sensor's is its sensor id.
        sites: Its sites; ``+`` for all of them. A sensor has exactly one.
        managed: Whether it is made at every start, with the password in ``.env``.
    """

    model_config = ConfigDict(frozen=True)

    name: SiteId
    role: Role
    sites: Annotated[tuple[SiteId | Literal["+"], ...], Field(min_length=1)] = ("+",)
    managed: bool = False

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.role == "sensor" and (len(self.sites) != 1 or "+" in self.sites):
            raise ValueError("a sensor belongs to one site; say which with --site")
        return self

    def rights(self, root: str) -> TopicRights:
        """Which topics it may read and which it may write, below a topic root."""
        return _RIGHTS[self.role](self, Topics(root))

    def access_list(self, root: str) -> list[str]:
        """Its lines in Mosquitto's access list."""
        read, write = self.rights(root)
        return [
            f"user {self.name}",
            *(f"topic read {topic}" for topic in read),
            *(f"topic write {topic}" for topic in write),
        ]


def _sensor(account: Account, topics: Topics) -> TopicRights:
    """Its own readings, status and confirmations, and nothing of others."""
    (site,), name = account.sites, account.name
    return [topics.stored(site, name)], [topics.readings(site, name), topics.status(site, name)]


def _gateway(account: Account, topics: Topics) -> TopicRights:
    """The rights of all sensors of its sites."""
    read, write = [], []
    for site in account.sites:
        read.append(topics.stored(site, "+"))
        write += [topics.readings(site, "+"), topics.status(site, "+")]
    return read, write


def _ingestor(account: Account, topics: Topics) -> TopicRights:
    """It alone answers: what it stored or rejected, and what is too high or wrong."""
    read, write = ["$SYS/#"], [topics.ingestors("+")]
    for site in account.sites:
        read += [topics.readings(site, "+"), topics.status(site, "+"), topics.commands(site, "+")]
        write += [
            topics.stored(site, "+"),
            topics.alerts(site, "+"),
            topics.alarms(site, "+"),
            topics.alarm_flood(site),
            topics.rejected(SensorKey(site, "+")),
        ]
    return read, write


def _viewer(account: Account, topics: Topics) -> TopicRights:
    """People who only read."""
    read = [topics.ingestors("+")]
    for site in account.sites:
        read += [topics.site_filter(site), topics.alarm_flood(site)]
    return read, []


def _operator(account: Account, topics: Topics) -> TopicRights:
    """People who also acknowledge and shelve alarms, and send repaired readings."""
    read, write = _viewer(account, topics)
    for site in account.sites:
        write += [topics.commands(site, "+"), topics.readings(site, "+")]
    return read, write


def _health(_account: Account, _topics: Topics) -> TopicRights:
    """The health check's own message."""
    return [HEALTH_TOPIC], [HEALTH_TOPIC]


_RIGHTS = {
    "sensor": _sensor,
    "gateway": _gateway,
    "ingestor": _ingestor,
    "viewer": _viewer,
    "operator": _operator,
    "health": _health,
}
