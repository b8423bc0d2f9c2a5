"""Alarms on their way to people: apprise over real HTTP, to a server of the test's own."""

import asyncio
import logging
import random
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager, suppress
from typing import Annotated

import pytest
from pydantic import AfterValidator, TypeAdapter, ValidationError

from ingestor.alarms.config.config import NotificationSettings
from ingestor.alarms.notify.notifier import Notice, Notifier, check_urls
from tests.fault_points import ingestor
from tests.phone import HIDDEN, Phone
from tests.servers import eventually

pytestmark = pytest.mark.integration

# Long enough for what must not happen to happen.
A_MOMENT_S = 0.1
# Shorter than any wait for a server that hangs, and longer than a busy machine makes others wait.
HELD_UP_S = 3
PROCESS = """
import asyncio, sys
from ingestor.alarms.config.config import NotificationSettings
from ingestor.alarms.notify.notifier import Notice, Notifier

async def briefly():
    notifier = Notifier(sys.argv[1], NotificationSettings(), None)
    notifier.notify(Notice("", "major", "Alarm", ""))
    work = asyncio.create_task(notifier.work())
    await asyncio.to_thread(sys.stdin.readline)
    work.cancel()

asyncio.run(briefly())
"""


class Marks(list[str]):
    """The ids that were marked, and in what portions."""

    def __init__(self) -> None:
        super().__init__()
        self.portions: list[list[str]] = []

    async def mark(self, ids: Sequence[str]) -> None:
        self.portions.append(list(ids))
        self += ids


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def marks() -> Marks:
    return Marks()


@pytest.fixture
async def phone() -> AsyncIterator[Phone]:
    async with Phone() as one:
        yield one


@pytest.fixture
def clock() -> Iterator[Clock]:
    clock = Clock()
    with ingestor.NOTIFIER_CLOCK.replace(clock):
        yield clock


@pytest.fixture(autouse=True)
def haste(caplog: pytest.LogCaptureFixture) -> Iterator[ExitStack]:
    caplog.set_level(logging.DEBUG)
    with ExitStack() as haste:
        haste.enter_context(ingestor.FIRST_PAUSE_OF_NOTIFIER_S.replace(0.01))
        haste.enter_context(ingestor.LONGEST_PAUSE_OF_NOTIFIER_S.replace(0.03))
        haste.enter_context(ingestor.NOTIFIER_LOOKS_EVERY_S.replace(0.01))
        yield haste


@asynccontextmanager
async def at_work(urls: str, marks: Marks, **settings: object) -> AsyncIterator[Notifier]:
    """A notifier that works; its end may not take long, whatever the servers do."""
    notifier = Notifier(check_urls(urls), NotificationSettings.model_validate(settings), marks.mark)
    task = asyncio.create_task(notifier.work())
    try:
        yield notifier
    finally:
        began = time.monotonic()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        assert time.monotonic() - began < HELD_UP_S
        assert task.cancelled()


def notice(number: int, severity: str = "major", title: str | None = None, body: str = "The body.") -> Notice:
    return Notice(f"episode-{number}", severity, title or f"Alarm {number}", body)


def ids(*numbers: int) -> list[str]:
    return [f"episode-{number}" for number in numbers]


def warnings_in(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What is logged as a warning. Nothing at all may ever show a URL's secret."""
    assert HIDDEN not in caplog.text
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


async def test_notice_arrives_and_is_marked(
    phone: Phone, marks: Marks, caplog: pytest.LogCaptureFixture
) -> None:
    async with at_work(phone.url, marks) as notifier:
        notifier.notify(notice(1, body="First line.\nSecond line."))
        await eventually(lambda: bool(marks))
    assert phone.messages == [("Alarm 1", "First line.\nSecond line.")]
    assert marks == ids(1)
    assert warnings_in(caplog) == []


async def test_rejected_notice_is_sent_again_until_it_is_taken(
    phone: Phone, marks: Marks, caplog: pytest.LogCaptureFixture
) -> None:
    phone.rejections = 2
    async with at_work(phone.url, marks) as notifier:
        notifier.notify(notice(1))
        await eventually(lambda: bool(marks))
        notifier.notify(notice(2))
        await eventually(lambda: len(marks) == 2)
    assert phone.titles == ["Alarm 1", "Alarm 2"]
    assert phone.asked == 4
    assert marks == ids(1, 2)
    assert warnings_in(caplog) == [
        "Notification URL 1 (json) takes no notifications; trying until it does.",
        "Notification URL 1 (json) takes them again after 0 s.",
    ]


async def test_delays_grow_to_five_minutes(
    phone: Phone, marks: Marks, haste: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    longest: list[float] = []

    def at_once(_: float, most: float) -> float:
        longest.append(most)
        return 0.0

    haste.close()
    monkeypatch.setattr(random, "uniform", at_once)
    async with at_work(phone.url, marks) as notifier:
        for number in (1, 2):
            phone.rejections = 13
            notifier.notify(notice(number))
            await eventually(lambda: marks[-1:] == ids(number))  # noqa: B023 - called at once
    assert longest == 2 * [*(0.25 * 2**attempt for attempt in range(11)), 300, 300]


async def test_notice_reaches_a_server_that_comes_later(
    marks: Marks, caplog: pytest.LogCaptureFixture
) -> None:
    phone = Phone()
    async with at_work(phone.url, marks) as notifier:
        notifier.notify(notice(1))
        await eventually(lambda: bool(warnings_in(caplog)))
        assert marks == []
        async with phone:
            await eventually(lambda: bool(marks))
            await asyncio.sleep(A_MOMENT_S)  # for what must not happen
    assert phone.titles == ["Alarm 1"]
    assert len(warnings_in(caplog)) == 2


async def test_of_two_urls_only_the_one_that_failed_gets_it_again(phone: Phone, marks: Marks) -> None:
    async with Phone() as bad:
        bad.status = 500
        async with at_work(f"{bad.url}, {phone.url}", marks) as notifier:
            notifier.notify(notice(1))
            await eventually(lambda: bad.asked > 3)
            notifier.notify(notice(2))
            await eventually(lambda: phone.titles == ["Alarm 1", "Alarm 2"])
            assert marks == []
            bad.status = 200
            await eventually(lambda: sorted(marks) == ids(1, 2))
    assert bad.titles == phone.titles == ["Alarm 1", "Alarm 2"]


@ingestor.LONGEST_NOTIFICATION_S.replace(0.05)
@ingestor.MOST_NOTIFICATIONS_AT_ONCE.replace(2)
async def test_server_that_hangs_holds_up_nothing(
    phone: Phone, marks: Marks, caplog: pytest.LogCaptureFixture
) -> None:
    gaps: list[float] = []

    async def watch() -> None:
        while True:
            began = time.monotonic()
            await asyncio.sleep(0)  # how long others wait for their turn
            gaps.append(time.monotonic() - began)

    async with Phone() as hanging:
        hanging.hangs = True
        watching = asyncio.create_task(watch())
        async with at_work(f"{hanging.url} {phone.url}", marks) as notifier:
            notifier.notify(notice(1))
            await eventually(lambda: bool(phone.messages) and hanging.asked == 2)
            await eventually(lambda: bool(warnings_in(caplog)))
            await asyncio.sleep(2 * A_MOMENT_S)  # for what must not happen
        watching.cancel()
        assert max(gaps) < HELD_UP_S
        # Threads that hang are left behind, but not without end.
        assert hanging.asked == 2
    assert marks == []


async def test_process_can_end_while_a_server_hangs() -> None:
    async with Phone("?rto=60") as hanging:
        hanging.hangs = True
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", PROCESS, hanging.url), stdin=asyncio.subprocess.PIPE
        )
        await eventually(lambda: bool(hanging.asked))
        assert process.stdin is not None
        process.stdin.write(b"enough\n")
        assert await asyncio.wait_for(process.wait(), timeout=30) == 0


async def test_limit_holds_in_any_hour_and_the_rest_is_gathered(
    phone: Phone, marks: Marks, clock: Clock
) -> None:
    async with at_work(phone.url, marks, most_per_hour=2) as notifier:
        notifier.notify(notice(1))
        await eventually(lambda: marks == ids(1))
        clock.now += 1800
        notifier.notify(notice(2))
        await eventually(lambda: marks == ids(1, 2))
        for number in (3, 4):
            notifier.notify(notice(number))
        clock.now += 1799
        await asyncio.sleep(A_MOMENT_S)  # for what must not happen
        assert marks == ids(1, 2)
        clock.now += 1
        await eventually(lambda: marks == ids(1, 2, 3, 4))
        assert phone.messages[2:] == [("2 more alarms", "Alarm 3\nAlarm 4")]
        notifier.notify(notice(5))
        clock.now += 1799
        await asyncio.sleep(A_MOMENT_S)  # for what must not happen
        assert len(marks) == 4
        clock.now += 1
        await eventually(lambda: len(marks) == 5)
        clock.now += 3600
        notifier.notify(notice(6))
        notifier.notify(notice(7))
        await eventually(lambda: len(marks) == 7)
    assert phone.titles[3:] == ["Alarm 5", "Alarm 6", "Alarm 7"]
    assert marks.portions[2] == ids(3, 4)


async def test_rejections_do_not_use_up_the_limit(phone: Phone, marks: Marks, clock: Clock) -> None:
    phone.rejections = 5
    async with at_work(phone.url, marks, most_per_hour=1) as notifier:
        notifier.notify(notice(1))
        await eventually(lambda: marks == ids(1))


async def test_settings_may_be_replaced(phone: Phone, marks: Marks, clock: Clock) -> None:
    async with at_work(phone.url, marks, most_per_hour=1, severities=["critical"]) as notifier:
        notifier.notify(notice(1, "major"))
        notifier.notify(notice(2, "critical"))
        notifier.notify(notice(3, "critical"))
        await eventually(lambda: marks == ids(2))
        await asyncio.sleep(A_MOMENT_S)  # for what must not happen
        assert marks == ids(2)
        notifier.settings = NotificationSettings(most_per_hour=2, severities=("major",))
        notifier.notify(notice(4, "critical"))
        await eventually(lambda: marks == ids(2, 3))
    assert phone.titles == ["Alarm 2", "Alarm 3"]


async def test_only_the_severities_that_are_set_are_told(phone: Phone, marks: Marks) -> None:
    async with at_work(phone.url, marks) as notifier:
        for number, severity in enumerate(("warning", "minor", "warning", "critical"), 1):
            notifier.notify(notice(number, severity))
        await eventually(lambda: marks == ids(2, 4))
    assert phone.titles == ["Alarm 2", "Alarm 4"]


async def test_few_come_one_by_one_and_a_burst_as_one(phone: Phone, marks: Marks) -> None:
    async with at_work(phone.url, marks) as notifier:
        for number in (1, 2, 3):
            notifier.notify(notice(number))
        await eventually(lambda: len(marks) == 3)
        for number in (4, 5, 6, 7):
            notifier.notify(notice(number))
        notifier.notify(notice(7, title="Alarm 7 is over"))
        await eventually(lambda: len(marks) == 7)
        for number in range(8, 38):
            notifier.notify(notice(number))
        await eventually(lambda: len(marks) == 37)
    assert phone.titles == ["Alarm 1", "Alarm 2", "Alarm 3", "5 alarms", "30 alarms"]
    assert phone.messages[3][1] == "Alarm 4\nAlarm 5\nAlarm 6\nAlarm 7\nAlarm 7 is over"
    lines = [f"Alarm {number}" for number in range(8, 28)]
    assert phone.messages[4][1].split("\n") == [*lines, "and 10 more"]
    assert marks.portions[4] == ids(*range(8, 38))


async def test_notice_is_given_up_after_a_day(
    phone: Phone, marks: Marks, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    async with Phone() as bad:
        bad.status = 500
        async with at_work(f"{bad.url} {phone.url}", marks) as notifier:
            notifier.notify(notice(1))
            await eventually(lambda: bad.asked > 0)
            clock.now += 24 * 3600 - 1
            notifier.notify(notice(2))
            asked = bad.asked
            await eventually(lambda: bad.asked > asked + 3)
            assert marks == []
            clock.now += 1
            # The other URL took it.
            await eventually(lambda: marks == ids(1))
            bad.status = 200
            await eventually(lambda: marks == ids(1, 2))
    assert bad.titles == ["Alarm 2"]
    given_up = "Notification URL 1 (json): gave up notifications that waited for a day (1)."
    assert [each for each in warnings_in(caplog) if "day" in each] == [given_up]


async def test_what_nobody_took_is_not_marked(phone: Phone, marks: Marks, clock: Clock) -> None:
    phone.status = 500
    async with at_work(phone.url, marks) as notifier:
        notifier.notify(notice(1))
        await eventually(lambda: phone.asked > 0)
        clock.now += 24 * 3600
        await asyncio.sleep(A_MOMENT_S)  # for what must not happen
        phone.status = 200
        notifier.notify(notice(2))
        await eventually(lambda: bool(marks))
    assert marks == ids(2)


async def test_at_most_a_thousand_wait(phone: Phone, marks: Marks, caplog: pytest.LogCaptureFixture) -> None:
    async with at_work(phone.url, marks) as notifier:
        for number in range(1003):
            notifier.notify(notice(number))
        await eventually(lambda: bool(marks))
    assert phone.titles == ["1000 alarms"]
    assert marks == ids(*range(1000))
    assert warnings_in(caplog) == [
        "Notification URL 1 (json): dropped notifications, too many were waiting (3)."
    ]


@ingestor.MOST_NOTIFICATIONS_WAITING.replace(2)
async def test_where_too_many_wait_is_not_waited_for(phone: Phone, marks: Marks) -> None:
    async with Phone() as bad:
        bad.status = 500
        async with at_work(f"{bad.url} {phone.url}", marks) as notifier:
            notifier.notify(notice(1))
            notifier.notify(notice(2))
            await eventually(lambda: len(phone.messages) == 2)
            notifier.notify(notice(3))
            await eventually(lambda: bool(marks))
    assert marks == ids(3)


async def test_what_comes_from_outside_is_plain_and_short(phone: Phone, marks: Marks) -> None:
    async with at_work(phone.url, marks) as notifier:
        notifier.notify(notice(1, title="Room\n\x1b[31m\u202e" + "t" * 200, body="\x00\ud800\n" + "b" * 2000))
        await eventually(lambda: len(marks) == 1)
        for number in range(2, 42):
            notifier.notify(notice(number, title=f"{number}" + "t" * 200))
        await eventually(lambda: len(marks) == 41)
        notifier.notify(notice(42, body=""))
        await eventually(lambda: len(marks) == 42)
    assert phone.messages[0] == (
        r"Room \u001b[31m\u202e" + "t" * 98 + "…",
        r"\u0000\ud800" + "\n" + "b" * 986 + "…",
    )
    assert len(phone.messages[1][1]) <= 1000
    assert phone.messages[1][1].endswith("…\nand 32 more")
    assert phone.messages[2] == ("Alarm 42", "Alarm 42")


async def test_what_looks_like_markup_is_shown_as_it_is(
    phone: Phone, marks: Marks, monkeypatch: pytest.MonkeyPatch
) -> None:
    telegram = "tgram://123456789:abcdefghijklmnop/12315544/"
    check_urls(telegram)
    from apprise.plugins.telegram import NotifyTelegram  # noqa: PLC0415 - loaded by now

    monkeypatch.setattr(NotifyTelegram, "notify_url", f"http://127.0.0.1:{phone.port}/bot")
    async with at_work(f"{telegram} {phone.url}?format=html", marks) as notifier:
        notifier.notify(notice(1, title="Room <i>", body="<b>7</b> & *8*"))
        await eventually(lambda: bool(marks))
    plain = "&lt;b&gt;7&lt;/b&gt; &amp; *8*"
    shown = sorted((title, body.replace("&nbsp;", " ")) for title, body in phone.messages)
    assert shown == [("", f"<b>Room &lt;i&gt;</b>\r\n{plain}"), ("Room <i>", plain)]


async def test_message_too_long_for_a_service_is_cut(
    phone: Phone, marks: Marks, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_urls(phone.url)
    from apprise.plugins.custom_json import NotifyJSON  # noqa: PLC0415 - loaded by now

    monkeypatch.setattr(NotifyJSON, "body_maxlen", 160)
    async with at_work(phone.url, marks) as notifier:
        notifier.notify(notice(1, body="b" * 500))
        await eventually(lambda: bool(marks))
    assert len(phone.messages) == 1
    assert len(phone.messages[0][1]) <= 160


@pytest.mark.parametrize(
    ("urls", "named"),
    [
        (f"json://127.0.0.1 nonsense://{HIDDEN}", "URL 2 (nonsense) is"),
        (f"json://127.0.0.1, mailto://{HIDDEN}", "URL 2 (mailto) is"),
        (f"json://a,json://{HIDDEN}", "URL 1 (json) is"),
        (f"ntfys://ntfy.sh/TOPIC,json://{HIDDEN}", "URL 1 (ntfys) is"),
        (f"tgram://0:##/]&&#a0/]&[]b]/{HIDDEN}", "URL 1 (tgram) is"),
        (f"{HIDDEN} json://127.0.0.1", "URL 1 is"),
        (f"{HIDDEN}@host://x", "URL 1 is"),
        (" , ", "rite apprise URLs"),
    ],
)
def test_urls_that_apprise_does_not_understand_are_rejected(
    urls: str, named: str, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(Annotated[str, AfterValidator(check_urls)]).validate_python(urls)
    (error,) = caught.value.errors()
    assert named in error["msg"]
    assert "write apprise URLs with spaces between, such as ntfys://ntfy.sh/TOPIC" in error["msg"]
    assert HIDDEN not in error["msg"]
    assert warnings_in(caplog) == []


@pytest.mark.parametrize(
    "urls",
    [
        "ntfys://ntfy.sh/TOPIC",
        "mailto://user:password@example.org",
        " json://a/,\n mailto://user:password@example.org?to=b@example.org,c@example.org , ntfys://ntfy.sh/T,",
    ],
)
def test_urls_that_apprise_understands_are_kept(urls: str) -> None:
    assert check_urls(urls) == urls


def test_apprise_is_loaded_only_when_needed() -> None:
    look = "import sys, ingestor.alarms.notify.notifier; sys.exit('apprise' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", look], check=False).returncode == 0  # noqa: S603
