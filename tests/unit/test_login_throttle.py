"""Who guesses passwords waits ever longer; who does not, gets in all the same."""

import asyncio
from collections.abc import Callable, Sized
from functools import partial

import pytest
from argon2 import PasswordHasher

from monitor.web.auth.login_throttle import (
    FORGET_AFTER_S,
    MAX_DELAY_S,
    MAX_ENTRIES,
    LoginAttempt,
    LoginThrottle,
)
from monitor.web.auth.sessions import Authenticator, LoginThrottledError
from tests.fault_points.web import LANE, LONGEST_WAIT_S, PASSWORD_HASHER

DAY_S = 86_400.0
LOOK, ACT = "look-only-please", "look-and-act-too"
DESK, ELSEWHERE, EVIL = "192.0.2.7", "192.0.2.99", "203.0.113.5"


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def access(clock: Clock) -> Authenticator:
    """Real checks, which are quick."""
    quick = partial(PasswordHasher, time_cost=1, memory_cost=8, parallelism=1)
    with PASSWORD_HASHER.replace(quick):
        return Authenticator({"viewer": LOOK, "operator": ACT}, clock)


@pytest.fixture
def counted(clock: Clock) -> LoginThrottle:
    return LoginThrottle(clock)


def try_wrong(counted: LoginThrottle, user: str = "operator", address: str = EVIL) -> float:
    """How long it has to wait; if not at all, a wrong password was tried."""
    what = LoginAttempt.of(user, address)
    wait_s = counted.begin(what)
    if wait_s == 0:
        counted.end(what, was_correct=False)
    return wait_s


def come_in(counted: LoginThrottle, address: str, user: str = "operator") -> bool:
    what = LoginAttempt.of(user, address)
    if counted.begin(what) > 0:
        return False
    counted.end(what, was_correct=True)
    return True


def guesses_in(clock: Clock, attempt: Callable[[], float], seconds: float = DAY_S) -> int:
    """How many passwords are tried by who waits no longer than needed."""
    end, count = clock.now + seconds, 0
    while clock.now < end:
        wait_s = attempt()
        count += wait_s == 0
        clock.now += max(wait_s, 0.05)
    return count


def test_five_are_free_and_then_each_costs_twice_as_much(clock: Clock, counted: LoginThrottle) -> None:
    assert [try_wrong(counted) for _ in range(5)] == [0.0] * 5
    waits = []
    for _ in range(9):
        waits.append(try_wrong(counted))
        clock.now += waits[-1]
        assert try_wrong(counted) == 0.0
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_who_guesses_all_day_from_one_address_tries_less_than_two_a_minute(
    clock: Clock, counted: LoginThrottle
) -> None:
    assert guesses_in(clock, lambda: try_wrong(counted)) < 2 * DAY_S / 60


@LONGEST_WAIT_S.replace(0.0)
def test_without_the_cost_they_would_try_twenty_a_second(clock: Clock, counted: LoginThrottle) -> None:
    assert guesses_in(clock, lambda: try_wrong(counted), 3600) > 70_000


def test_other_names_and_other_addresses_of_one_network_do_not_help(
    clock: Clock, counted: LoginThrottle
) -> None:
    users, addresses = ["operator", "viewer", ""], [f"2001:db8::{number:x}" for number in range(1, 999)]
    turn = iter(range(10**9))

    def attempt() -> float:
        number = next(turn)
        return try_wrong(counted, users[number % 3], addresses[number % 998])

    assert guesses_in(clock, attempt) < 2 * DAY_S / 60
    assert LoginAttempt.of("", "::ffff:203.0.113.5") == LoginAttempt.of("", "203.0.113.5")


async def outcome(access: Authenticator, user: str, password: str, *shown: str) -> str:
    try:
        return "in" if await access.log_in(user, password, EVIL, *shown) else "wrong"
    except LoginThrottledError as told:
        return str(told.detail).split(";")[0]


async def test_guesses_at_the_same_time_are_counted_before_they_are_checked(access: Authenticator) -> None:
    outcomes = await asyncio.gather(*[outcome(access, "operator", "guess") for _ in range(100)])
    assert outcomes.count("wrong") == 5
    assert set(outcomes) == {"wrong", "Too many wrong passwords", "Too many people are logging in"}


async def test_checks_under_way_are_not_taken_for_wrong_ones(access: Authenticator) -> None:
    outcomes = await asyncio.gather(*[outcome(access, "viewer", LOOK) for _ in range(12)])
    assert outcomes == ["in"] * 12


async def beside_viewers(access: Authenticator) -> str:
    """What becomes of an operator who logs in while more viewers do than there are places."""
    viewers = [asyncio.create_task(outcome(access, "viewer", LOOK)) for _ in range(50)]
    await asyncio.sleep(0)  # they are in the queue
    became = await outcome(access, "operator", ACT)
    assert "Too many people are logging in" in await asyncio.gather(*viewers)
    return became


async def test_operators_have_places_of_their_own_in_the_queue(access: Authenticator) -> None:
    assert await beside_viewers(access) == "in"


@LANE.replace(lambda **_: "the only one")
async def test_in_one_queue_for_all_they_would_have_none(access: Authenticator) -> None:
    assert await beside_viewers(access) == "Too many people are logging in"


async def test_who_guesses_other_users_does_not_hold_up_operators_at_the_same_address(
    access: Authenticator,
) -> None:
    for user in ("viewer", "eve", "mallory"):
        await asyncio.gather(*[outcome(access, user, "guess") for _ in range(50)])
    assert await outcome(access, "viewer", LOOK) == "Too many wrong passwords"
    assert await outcome(access, "operator", ACT) == "in"


async def test_who_has_a_token_from_before_is_not_held_up_by_who_guesses_that_user(
    access: Authenticator, clock: Clock
) -> None:
    token = await access.log_in("operator", ACT, EVIL)
    assert token is not None
    access.log_out(token)
    clock.now += DAY_S
    guesses = [asyncio.create_task(outcome(access, "operator", "guess")) for _ in range(100)]
    assert await outcome(access, "operator", ACT, token) == "in"
    await asyncio.gather(*guesses)
    assert await outcome(access, "operator", ACT, "no-token") == "Too many wrong passwords"
    # A token is no way to guess faster, and none to guess another user's password.
    assert [await outcome(access, "operator", "guess", token) for _ in range(6)][-2:] == [
        "wrong",
        "Too many wrong passwords",
    ]
    assert await outcome(access, "viewer", LOOK, token) == "in"


def test_many_addresses_are_slowed_down_together(clock: Clock, counted: LoginThrottle) -> None:
    for number in range(20):
        try_wrong(counted, address=f"198.51.100.{number}")
    # Each has to come twice, and to wait a minute in between.
    assert try_wrong(counted, address=ELSEWHERE) >= 1.0


def under_attack(clock: Clock, counted: LoginThrottle) -> None:
    """A hundred addresses guess the operator's password for an hour, as fast as they may."""
    for _ in range(3600):
        clock.now += 1.0
        for number in range(100):
            try_wrong(counted, address=f"198.51.100.{number}")


def test_nobody_is_kept_out_of_their_own_desk(clock: Clock, counted: LoginThrottle) -> None:
    assert come_in(counted, DESK)
    under_attack(clock, counted)
    assert come_in(counted, DESK)


def test_and_from_a_new_address_they_get_in_after_a_minute(clock: Clock, counted: LoginThrottle) -> None:
    under_attack(clock, counted)
    wait_s = try_wrong(counted, address=ELSEWHERE)
    assert 0 < wait_s <= MAX_DELAY_S
    for _ in range(int(wait_s)):
        for number in range(100):
            try_wrong(counted, address=f"198.51.100.{number}")
        clock.now += 1.0
    assert come_in(counted, ELSEWHERE)


def test_coming_in_does_not_make_guessing_cheap_again(clock: Clock, counted: LoginThrottle) -> None:
    def as_viewer_in_between() -> float:
        come_in(counted, EVIL, "viewer")
        return try_wrong(counted)

    assert guesses_in(clock, as_viewer_in_between) < 2 * DAY_S / 60


def test_mistakes_are_forgotten(clock: Clock, counted: LoginThrottle) -> None:
    while try_wrong(counted) == 0:
        pass
    clock.now += FORGET_AFTER_S + 1
    assert [try_wrong(counted) for _ in range(5)] == [0.0] * 5


def test_memory_is_bounded(counted: LoginThrottle) -> None:
    for number in range(MAX_ENTRIES + 500):
        try_wrong(counted, address=f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")
        come_in(counted, f"11.{number >> 16}.{number >> 8 & 255}.{number & 255}", "viewer")
    sizes = [len(each) for each in vars(counted).values() if isinstance(each, Sized)]
    assert sizes
    assert max(sizes) <= MAX_ENTRIES


async def test_who_has_to_wait_is_told_how_long_and_waits_in_vain_with_the_right_password(
    clock: Clock,
) -> None:
    access = Authenticator({"viewer": "look", "operator": "act"}, clock)
    for _ in range(5):
        assert await access.log_in("operator", "guess", EVIL) is None
    with pytest.raises(LoginThrottledError, match="Too many wrong passwords") as told:
        await access.log_in("operator", "act", EVIL)
    assert told.value.headers == {"Retry-After": "1"}
    clock.now += 1
    assert await access.log_in("operator", "act", EVIL) is not None


async def test_users_that_do_not_exist_are_counted_as_one(clock: Clock) -> None:
    access = Authenticator({"viewer": "look", "operator": "act"}, clock)
    for number in range(5):
        assert await access.log_in(f"user-{number}", "guess", f"198.51.100.{number}") is None
    with pytest.raises(LoginThrottledError):
        await access.log_in("another", "guess", EVIL)
