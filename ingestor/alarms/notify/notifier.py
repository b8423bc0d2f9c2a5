"""Tell people of alarms where they are: on phones, by mail, through whatever apprise can reach.

Each URL has a queue and a limit of its own: one that does not answer holds up no other. A message may come
twice: when its answer was lost, or the process ended before it was marked.
"""

import asyncio
import contextlib
import logging
import re
import threading
import time
import warnings
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import NamedTuple

from broker.program.backoff import Backoff
from broker.program.escape import escape_text
from ingestor.alarms.config.config import NotificationSettings

MAX_WAITING, MAX_SINGLE, MAX_LINES, MAX_TITLE, MAX_BODY, MAX_THREADS = 1000, 3, 20, 120, 1000, 8
HOUR_S, GIVE_UP_AFTER_S = 3600.0, 24 * 3600.0
LIMIT_S, FIRST_DELAY_S, MAX_DELAY_S, LOOK_EVERY_S = 60.0, 0.25, 300.0, 5.0
HOW = "write apprise URLs with spaces between, such as ntfys://ntfy.sh/TOPIC or mailto://user:password@example.org"

monotonic = time.monotonic
logger = logging.getLogger(__name__)


class Notice(NamedTuple):
    """What people are told of an alarm episode; ``id`` is the episode's."""

    id: str
    severity: str
    title: str
    body: str


@dataclass(slots=True, eq=False)
class _QueuedNotice:
    notice: Notice
    told_at: float
    missing: int  # how many URLs have not finished with it
    is_taken: bool = False


def check_urls(text: str) -> str:
    """Reject what apprise does not understand. Shows no more of a URL than its scheme."""
    urls = _split(text)
    for name, url in urls:
        # apprise takes a second URL behind a mere comma for a part of the first.
        if re.search(r",[A-Za-z]\w*://", url) or _load(url) is None:
            raise ValueError(f"{name} is not understood by apprise; {HOW}")
    if not urls:
        raise ValueError(HOW)
    return text


class Notifier:
    """What people are to be told, for every URL.

    Args:
        urls: As ``check_urls`` takes them; or none, and nobody is told.
        settings: Of which alarms, and how often; may be replaced at any moment.
        mark: Called with the ids of what no URL is to be sent any more, if any URL took it.
    """

    def __init__(
        self, urls: str, settings: NotificationSettings, mark: Callable[[Sequence[str]], Awaitable[None]]
    ) -> None:
        self.settings = settings
        self._mark = mark
        self._channels = [_Channel(name, send) for name, url in _split(urls) if (send := _load(url))]

    def notify(self, notice: Notice) -> None:
        """Send a notice soon, if its severity is one to be told. Never waits."""
        if notice.severity in self.settings.severities:
            item = _QueuedNotice(notice, monotonic(), len(self._channels))
            item.missing -= sum(not channel.add(item) for channel in self._channels)

    async def work(self) -> None:
        """Send and mark, for ever."""
        async with asyncio.TaskGroup() as group:
            for channel in self._channels:
                group.create_task(self._serve(channel))

    async def _serve(self, channel: "_Channel") -> None:
        backoff = Backoff(FIRST_DELAY_S, MAX_DELAY_S)
        while await channel.attention.wait():
            if items := channel.give_up():
                await self._finish(items, is_taken=False)
            elif channel.is_held(self.settings.most_per_hour):
                await asyncio.sleep(LOOK_EVERY_S)  # the limit may be replaced meanwhile
            elif items := await channel.send():
                backoff.reset()
                await self._finish(items, is_taken=True)
            else:
                await backoff.wait()

    async def _finish(self, items: Sequence[_QueuedNotice], *, is_taken: bool) -> None:
        for item in items:
            item.missing -= 1
            item.is_taken |= is_taken
        if ids := [item.notice.id for item in items if item.is_taken and not item.missing]:
            await self._mark(list(dict.fromkeys(ids)))


class _Channel:
    """What waits for one URL, oldest first."""

    def __init__(self, name: str, send: Callable[[str, str], bool]) -> None:
        self.attention = asyncio.Event()  # set while something waits
        self._name, self._send = name, send
        self._waiting: deque[_QueuedNotice] = deque()
        self._sent_at: deque[float] = deque()
        self._answers: list[Future[bool]] = []
        self._failing_since: float | None = None
        self._dropped, self._was_held = 0, False

    def add(self, item: _QueuedNotice) -> bool:
        if len(self._waiting) >= MAX_WAITING:
            self._dropped += 1
            return False
        self._waiting.append(item)
        self.attention.set()
        return True

    def give_up(self) -> list[_QueuedNotice]:
        count = sum(item.told_at <= monotonic() - GIVE_UP_AFTER_S for item in self._waiting)
        if count:
            logger.warning("%s: gave up notifications that waited for a day (%d).", self._name, count)
        return self._take(count)

    def is_held(self, most_per_hour: int) -> bool:
        while self._sent_at and self._sent_at[0] <= monotonic() - HOUR_S:
            self._sent_at.popleft()
        if is_held := len(self._sent_at) >= most_per_hour:
            self._was_held = True
        return is_held

    async def send(self) -> list[_QueuedNotice]:
        """Send one message. Returns what was in it, nothing if it was not taken."""
        is_gathered = self._was_held or len(self._waiting) > MAX_SINGLE
        items = list(self._waiting) if is_gathered else [self._waiting[0]]
        title, body = _message([item.notice for item in items], "more " if self._was_held else "")
        if not await self._is_taken(title, body):
            if self._failing_since is None:
                self._failing_since = monotonic()
                logger.warning("%s takes no notifications; trying until it does.", self._name)
            return []
        if self._failing_since is not None:
            logger.warning("%s takes them again after %.0f s.", self._name, monotonic() - self._failing_since)
        self._failing_since, self._was_held = None, False
        self._sent_at.append(monotonic())
        return self._take(len(items))

    def _take(self, count: int) -> list[_QueuedNotice]:
        items = [self._waiting.popleft() for _ in range(count)]
        if not self._waiting:
            self.attention.clear()
        if items and self._dropped:
            logger.warning(
                "%s: dropped notifications, too many were waiting (%d).", self._name, self._dropped
            )
            self._dropped = 0
        return items

    async def _is_taken(self, title: str, body: str) -> bool:
        self._answers = [each for each in self._answers if not each.done()]
        if len(self._answers) >= MAX_THREADS:
            return False
        answer = Future[bool]()
        answer.set_running_or_notify_cancel()  # a thread cannot be cancelled, only left behind
        self._answers.append(answer)
        # Not asyncio.to_thread: a process that ends waits for its threads, however long they hang.
        threading.Thread(target=lambda: answer.set_result(self._send(title, body)), daemon=True).start()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LIMIT_S):
                return await asyncio.wrap_future(answer)
        return False


def _split(text: str) -> list[tuple[str, str]]:
    urls = [url for part in text.split() if (url := part.strip(","))]
    schemes = [re.match(r"([A-Za-z]\w{0,19})://", url) for url in urls]
    names = [f"Notification URL {n}{f' ({found[1]})' if found else ''}" for n, found in enumerate(schemes, 1)]
    return list(zip(names, urls, strict=True))


def _load(url: str) -> Callable[[str, str], bool] | None:
    from apprise import Apprise, AppriseAsset, NotifyFormat, OverflowMode  # noqa: PLC0415 - large, few need it

    for name in ("apprise", "urllib3"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)  # they tell URLs
    # With a time limit of its own it starts threads of its own, and the process would wait for those.
    asset = AppriseAsset(service_timeout=0)
    plugin = None
    with warnings.catch_warnings(), contextlib.suppress(Exception):
        warnings.simplefilter("ignore")  # it loads all plug-ins, and some use what Python deprecates
        plugin = Apprise.instantiate(url, asset=asset)
    if plugin is None:
        return None
    if plugin.overflow_mode is OverflowMode.UPSTREAM:
        plugin.overflow_mode = OverflowMode.TRUNCATE  # rather than rejected for ever
    # Called directly, the plug-in for Telegram would not escape what looks like markup.
    service = Apprise(asset=asset)
    service.add(plugin)

    def send(title: str, body: str) -> bool:
        with contextlib.suppress(Exception):
            return bool(service.notify(title=title, body=body, body_format=NotifyFormat.TEXT))
        return False

    return send


def _message(notices: Sequence[Notice], more: str) -> tuple[str, str]:
    titles = [_plain(notice.title.replace("\n", " "), MAX_TITLE) for notice in notices]
    if len(notices) == 1:
        return titles[0], _plain(notices[0].body, MAX_BODY) or titles[0]
    shown = titles[:MAX_LINES]
    while len("\n".join(shown)) > MAX_BODY - len("\nand 1000 more"):
        shown.pop()
    rest = [f"and {len(titles) - len(shown)} more"] if len(titles) > len(shown) else []
    return f"{len(titles)} {more}alarms", "\n".join(shown + rest)


def _plain(text: str, most: int) -> str:
    shown = "\n".join(map(escape_text, text.strip().split("\n")))
    return shown if len(shown) <= most else f"{shown[: most - 1]}…"
