"""One simulated meter: it numbers its readings, gives no two the same time, and can have faults."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

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

ActiveFaults = Mapping[str, ActiveFault]


def first_sequence(now: datetime) -> int:
    """The first sequence of a meter without an outbox: microseconds since 1970.

    A meter makes far less than one reading per microsecond, so after a restart it begins above all
    sequences it used before, unless the clock is set back. The number stays below 2**53, which every JSON
    reader keeps exactly.
    """
    return int(now.timestamp() * 1_000_000)


@dataclass(slots=True, eq=False)
class Meter:
    """A meter that is read at intervals.

    Attributes:
        sequence: Of the next reading.
        used_timestamps: The last ones, which it must not repeat; as many as ``maxlen``.
        silent_readings: Length of a silence that just began.
    """

    sensor_key: SensorKey
    location: str
    sequence: int
    injector: Injector | None = None
    register: EnergyRegister | None = None
    used_timestamps: deque[datetime] = field(default_factory=lambda: deque(maxlen=0))
    silent_readings: int = field(default=0, init=False)
    _last: datetime = field(default=datetime.min.replace(tzinfo=UTC), init=False)
    _value_kwh: float = field(default=0.0, init=False)
    _unsent_kwh: float = field(default=0.0, init=False)
    _count: int = field(default=0, init=False)
    # Outputs that are sent after later ones, with the number of that reading.
    _delayed: list[tuple[int, MeterOutput]] = field(default_factory=list, init=False)

    def read(self, now: datetime, energy_kwh: float) -> list[MeterOutput]:
        """Take a reading, and return the outputs to send now: none, one, or with it delayed ones.

        Two readings within a millisecond are put a millisecond apart: sensor and time identify a reading.
        """
        moment = max(now.replace(microsecond=now.microsecond // 1000 * 1000), self._last + MILLISECOND)
        self._last = moment
        active = self.injector.draw(moment) if self.injector else {}
        self._count += 1
        self.silent_readings = next(
            (hit.fault.readings for kind in SILENT_FAULTS if (hit := active.get(kind)) and hit.step == 1), 0
        )
        if "silence" in active:
            self._unsent_kwh += energy_kwh
            return self._overdue()
        value_kwh = self._measure(energy_kwh + self._unsent_kwh, active)
        self._unsent_kwh = 0.0
        output = self._make(moment, value_kwh, active)
        self.sequence += 1
        return self._send(output, active)

    @property
    def is_interval_known(self) -> bool:
        """Whether it was read often enough for the ingestor to know its interval."""
        return self._count >= INTERVAL_KNOWN_AFTER

    def restart(self, sequence: int) -> None:
        """Continue with another sequence, as after a reboot."""
        self.sequence = max(self.sequence, sequence)

    def flush(self) -> list[MeterOutput]:
        """Return the delayed outputs, at the end."""
        held, self._delayed = self._delayed, []
        return [output for _, output in held]

    def _measure(self, energy_kwh: float, active: ActiveFaults) -> float:
        if hit := active.get("peak"):
            energy_kwh *= hit.fault.factor
        if hit := active.get("drift"):
            energy_kwh *= 1 + (hit.fault.factor - 1) * hit.progress
        if self.register is not None:
            energy_kwh = self._read_register(self.register, energy_kwh, active)
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
        register_kwh = None if self.register is None else self.register.shown_kwh
        # Not checked: a value may be wrong on purpose.
        reading = Reading.model_construct(
            sensor_id=self.sensor_key.name,
            location=self.location,
            value_kwh=value_kwh,
            timestamp=stamp,
            sequence=self.sequence,
        )
        payload = encode(reading, register_kwh)
        rejection = None
        for kind, (spoil, why) in CORRUPTIONS.items():
            if kind in active:
                payload, rejection = spoil(payload), why
        copies = max((hit.fault.copies for hit in active.values()), default=1)
        is_withheld = "gap" in active and not active["gap"].fault.backfill
        return MeterOutput(
            self.sensor_key,
            self.sequence,
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
        if self.used_timestamps.maxlen:
            while stamp in self.used_timestamps:
                stamp += MILLISECOND
            self.used_timestamps.append(stamp)
        return stamp

    def _send(self, output: MeterOutput, active: ActiveFaults) -> list[MeterOutput]:
        wait = 0
        if hit := active.get("reorder"):
            wait = hit.fault.length
        elif (hit := active.get("gap")) and hit.fault.backfill:
            wait = hit.fault.readings - hit.step
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
        return hit.fault.by * hit.progress // MILLISECOND * MILLISECOND
    hit = active.get("clock-jump")
    return hit.fault.by if hit else timedelta(0)
