"""Take over a new `alarms.toml` while the ingestor runs, or leave the rules as they are."""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

from ingestor.alarms.board import Board
from ingestor.alarms.config import AlarmConfig, AlarmConfigError, read_config
from ingestor.alarms.fold import Fold
from ingestor.alarms.rulebook import Rules
from ingestor.alarms.track import Track

LOOK_EVERY_S = 1.0

logger = logging.getLogger(__name__)


async def follow(file: Path, apply: Callable[[AlarmConfig], None]) -> None:
    """Look at a file again and again, and hand over what it says when it has changed.

    A file that cannot be used is said once, and changes nothing.
    """
    known = await asyncio.to_thread(_version, file)
    while True:
        await asyncio.sleep(LOOK_EVERY_S)
        version = await asyncio.to_thread(_version, file)
        if version == known:
            continue
        known = version
        try:
            config = await asyncio.to_thread(read_config, file)
        except AlarmConfigError as error:
            logger.warning("%s: %s; the rules stay as they were.", file, error)
        else:
            apply(config)
            logger.info("%s has changed; the new rules count from now on.", file)


def _version(file: Path) -> tuple[int, ...]:
    try:
        state = file.stat()
    except OSError:
        return ()
    return state.st_mtime_ns, state.st_size, state.st_ino


def reconfigure(board: Board, config: AlarmConfig) -> None:
    """Have new rules count for all sensors from their next reading on; what was, stays."""
    old, board.config = board.config, config
    board.storms.most = config.storm.alarms_per_minute
    same: dict[tuple[int, int], bool] = {}  # a great many sensors share few sets of rules
    for track in board.tracks.values():
        before, after = track.fold.rules, config.of(*track.place)
        pair = id(before), id(after)
        if pair not in same:
            same[pair] = before == after
        if not same[pair] or (after.has_history and old.time_zone != config.time_zone):
            _change(board, track, after)


def _change(board: Board, track: Track, rules: Rules) -> None:
    held = track.fold.held
    track.fold = Fold(rules, board.config.zone)
    if rules.overconsumption.is_on:
        track.fold.held = held
    track.is_primed = not rules.looks_back
    for document in list((track.standing or {}).values()):
        name = document["rule"]
        if not getattr(rules, name).is_on:
            board.clear(track, name, board.clock.now())
    board.to_watch.append(track)
    track.settle()
