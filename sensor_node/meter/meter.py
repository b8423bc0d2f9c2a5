"""One simulated meter: it numbers its readings, gives no two the same time, and can have faults."""

from collections import deque
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from broker.messages import Reading
from broker.topics import SensorKey
from sensor_node.faults.injector import ActiveFault, Injector
from sensor_node.faults.oracle import MeterOutput
from sensor_node.meter.payload import CORRUPTIONS, encode
from sensor_node.meter.register import EnergyRegister

MILLISECOND = timedelta(milliseconds=1)
# Six decimals of a kWh are a thousandth of a watt-hour.
DECIMALS = 6
INTERVAL_KNOWN_AFTER = 10
SILENT_FAULTS = ("silence", "gap")
COPYING_FAULTS = ("duplicate", "storm")

ActiveFaults = Mapping[str, ActiveFault]


def first_sequence(now: datetime) -> int:
    """The first sequence of a meter without an outbox: microseconds since 1970.

    A meter makes far less than one reading per microsecond, so after a restart it begins above all
    sequences it used before, unless the clock is set back. The number stays below 2**53, which every JSON
    reader keeps exactly.
    """
    return int(now.timestamp() * 1_000_000)


class MeterParts(NamedTuple):
    """Optional parts of a meter, and how many of its last timestamps it must not repeat."""

    injector: Injector | None = None
    register: EnergyRegister | None = None
    timestamp_memory: int = 0


NO_PARTS = MeterParts()


class Meter:
    """A meter that is read at intervals; ``silent_readings`` is the length of a silence that just began."""

    def __init__(
        self,
        sensor_key: SensorKey,
        location: str,
        sequence: int,
        parts: MeterParts = NO_PARTS,
    ) -> None:
        self.sensor_key = sensor_key
        self._location = location
        self._sequence = sequence
        self._injector = parts.injector
        self._register = parts.register
        self._last = datetime.min.replace(tzinfo=UTC)
        self._value_kwh = 0.0
        self._unsent_kwh = 0.0
        self._count = 0
        self.silent_readings = 0
        # Outputs that are sent after later ones, with the number of that reading.
        self._delayed: list[tuple[int, MeterOutput]] = []
        self._used_timestamps: deque[datetime] = deque(maxlen=parts.timestamp_memory)

    def read(self, now: datetime, energy_kwh: float) -> list[MeterOutput]:
        """Take a reading, and return the outputs to send now: none, one, or with it delayed ones.

        Two readings within a millisecond are put a millisecond apart: sensor and time identify a reading.
        """
        moment = max(now.replace(microsecond=now.microsecond // 1000 * 1000), self._last + MILLISECOND)
        self._last = moment
        active = self._injector.draw(moment) if self._injector else {}
        self._count += 1
        self.silent_readings = next(
            (hit.length for kind in SILENT_FAULTS if (hit := active.get(kind)) and hit.step == 1), 0
        )
        if "silence" in active:
            self._unsent_kwh += energy_kwh
            return self._overdue()
        value_kwh = self._measure(energy_kwh + self._unsent_kwh, active)
        self._unsent_kwh = 0.0
        output = self._make(moment, value_kwh, active)
        self._sequence += 1
        return self._send(output, active)

    @property
    def is_interval_known(self) -> bool:
        """Whether it was read often enough for the ingestor to know its interval."""
        return self._count >= INTERVAL_KNOWN_AFTER

    def restart(self, sequence: int) -> None:
        """Continue with another sequence, as after a reboot."""
        self._sequence = max(self._sequence, sequence)

    def flush(self) -> list[MeterOutput]:
        """Return the delayed outputs, at the end."""
        held, self._delayed = self._delayed, []
        return [output for _, output in held]

    def _measure(self, energy_kwh: float, active: ActiveFaults) -> float:
        if hit := active.get("peak"):
            energy_kwh *= hit.fault.factor or 1.0
        if hit := active.get("drift"):
            energy_kwh *= 1 + ((hit.fault.factor or 1.0) - 1) * hit.progress
        if self._register is not None:
            energy_kwh = self._read_register(self._register, energy_kwh, active)
        elif "transient-zero" in active:
            energy_kwh = 0.0
        elif "stuck" in active and self._count > 1:
            energy_kwh = self._value_kwh
        self._value_kwh = energy_kwh
        if "wrong-unit" in active:
            energy_kwh *= 1000
        return round(energy_kwh, DECIMALS)

    @staticmethod
    def _read_register(register: EnergyRegister, energy_kwh: float, active: ActiveFaults) -> float:
        register.count(energy_kwh)
        if "counter-reset" in active:
            register.reset()
        if "stuck" in active:
            return 0.0  # the counted energy appears later
        return register.read(is_zero="transient-zero" in active)

    def _make(self, moment: datetime, value_kwh: float, active: ActiveFaults) -> MeterOutput:
        stamp = self._free(moment + _clock_error(active))
        register_kwh = None if self._register is None else self._register.shown_kwh
        # Not checked: a value may be wrong on purpose.
        reading = Reading.model_construct(
            sensor_id=self.sensor_key.name,
            location=self._location,
            value_kwh=value_kwh,
            timestamp=stamp,
            sequence=self._sequence,
        )
        payload = encode(reading, register_kwh)
        rejection = None
        for kind, (spoil, why) in CORRUPTIONS.items():
            if kind in active:
                payload, rejection = spoil(payload), why
        copies = max((active[kind].fault.copies or 1 for kind in COPYING_FAULTS if kind in active), default=1)
        is_withheld = "gap" in active and not active["gap"].fault.backfill
        return MeterOutput(
            self.sensor_key,
            self._sequence,
            stamp,
            value_kwh,
            payload,
            tuple(active),
            rejection,
            copies,
            is_withheld,
        )

    def _free(self, stamp: datetime) -> datetime:
        """The first millisecond from then on that this meter has not used."""
        if self._used_timestamps.maxlen:
            while stamp in self._used_timestamps:
                stamp += MILLISECOND
            self._used_timestamps.append(stamp)
        return stamp

    def _send(self, output: MeterOutput, active: ActiveFaults) -> list[MeterOutput]:
        wait = 0
        if hit := active.get("reorder"):
            wait = hit.fault.length or 1
        elif (hit := active.get("gap")) and hit.fault.backfill:
            wait = hit.length - hit.step
        if wait:
            self._delayed.append((self._count + wait, output))
            return self._overdue()
        return [output, *self._overdue()]

    def _overdue(self) -> list[MeterOutput]:
        if not self._delayed:
            return []
        due = [output for number, output in self._delayed if number <= self._count]
        self._delayed = [each for each in self._delayed if each[0] > self._count]
        return due


def _clock_error(active: ActiveFaults) -> timedelta:
    if hit := active.get("clock-skew"):
        return (hit.fault.by or timedelta(0)) * hit.progress // MILLISECOND * MILLISECOND
    if hit := active.get("clock-jump"):
        return hit.fault.by or timedelta(0)
    return timedelta(0)
