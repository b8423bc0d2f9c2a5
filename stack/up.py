"""The story of ``scripts/up``: start everything in order, keep it running, end it in order."""

import asyncio
import fcntl
import os
import shutil
import ssl
import sys
import time
import urllib.request
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any, NoReturn

from broker.access.authority import CertificateAuthority
from broker.access.certificate_commands import ensure_server_certificates
from broker.messages import numbered_sensor_ids
from stack import mongod, mosquitto
from stack.addresses import Addresses
from stack.processes import Process, ProcessError, running
from stack.secrets.client_files import write_client_files
from stack.secrets.credentials import Credentials
from stack.secrets.passwords import ensure_passwords, read_notify
from stack.secrets.secret_files import SecretFiles
from stack.secrets.sensor_accounts import add_sensor_accounts
from stack.settings import UpSettings

ROOT = Path(__file__).parent.parent
FIRST_SENSOR = "Sensor-LARI-01"
RESTART_AFTER_S = 1.0
RESTARTS = 5
RESTARTS_WITHIN_S = 60.0


class RunningAlreadyError(Exception):
    """Raised when another ``scripts/up`` uses the same folder."""


def print_line(line: str) -> None:
    """Tell the user."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


async def up(settings: UpSettings, stop: asyncio.Event) -> None:
    """Run the whole system until told to stop.

    Raises:
        AuthorityError: The certificates of earlier runs cannot be used.
        PasswordsError: A password in ``.env`` cannot be used.
        ProcessError: A program is missing, or does not start or stay.
        RegisterError: The broker's users cannot be read or written.
        RunningAlreadyError: It runs already.
    """
    state = settings.state.resolve()
    state.mkdir(parents=True, exist_ok=True)
    with _exclusive(state / "stack.lock"):
        if settings.clean:
            for folder in ("mosquitto", "mongo", "nodes", "log"):
                shutil.rmtree(state / folder, ignore_errors=True)
        mosquitto.find_mosquitto()
        mongod.find_mongod()
        env = ROOT / ".env"
        if not env.exists():
            print_line("Passwords were made up; they are in .env, which only you can read.")
        accounts = Credentials(
            ensure_passwords(env),
            ensure_server_certificates(CertificateAuthority(state / "certificates"))
            if settings.tls
            else None,
        )
        machine = LocalStack(state, accounts, Addresses.choose(print_line, tls=settings.tls))
        async with AsyncExitStack() as exits:
            await _unless_stopped(stop, machine.start(exits, settings.nodes))
            if not stop.is_set():
                await _unless_stopped(
                    stop, machine.supervise(settings.run_for.total_seconds() if settings.run_for else None)
                )
            print_line("\nStopping the sensor nodes, the web page, the ingestor, MongoDB and Mosquitto.")
        print_line("Stopped. Start it again to go on with the same data.")


@contextmanager
def _exclusive(file: Path) -> Iterator[None]:
    """Hold the folder for this process."""
    with file.open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise RunningAlreadyError(
                f"it runs already (process {lock.read().strip()}); end that one with Ctrl-C first"
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


class LocalStack:
    """All processes of one run.

    Args:
        state: Folder for everything that is kept.
        accounts: The users of broker and database.
        addresses: Where to listen.
    """

    def __init__(self, state: Path, accounts: Credentials, addresses: Addresses) -> None:
        self._state = state
        self._accounts = accounts
        self._addresses = addresses
        self._secret_files = SecretFiles(state / "secrets")
        self._processes: list[Process] = []
        self._known_damaged = mosquitto.damaged_stores(state / "mosquitto")

    async def start(self, exits: AsyncExitStack, nodes: int) -> None:
        """Start servers, ingestor, the live view and sensor nodes; they end in the opposite order."""
        accounts, addresses, state = self._accounts, self._addresses, self._state
        mqtt, mongo, http = addresses.mqtt_port, addresses.mongo_port, addresses.http_port
        log = state / "log"

        print_line(f"Mosquitto    127.0.0.1:{mqtt}")
        broker = mosquitto.mosquitto(
            state / "mosquitto", mqtt, accounts, log / "mosquitto.log", addresses.mutual_port
        )
        sensors = numbered_sensor_ids(FIRST_SENSOR, nodes) if nodes else []
        passwords = add_sensor_accounts(state / "mosquitto" / "users", sensors)
        await self._run(exits, broker, lambda: mosquitto.accepts_clients(accounts.mqtt("viewer", mqtt)))
        self._report_damage()

        print_line(f"MongoDB      127.0.0.1:{mongo}")
        database = mongod.mongod(state / "mongo", mongo, accounts, log / "mongod.log")
        await self._run(exits, database, lambda: mongod.accepts_clients(accounts, mongo))
        await mongod.make_users(accounts, mongo)

        # The live view outlives the ingestor, so that it shows the last reading too.
        viewer = self._secret_files.write("viewer", {"ENERGY_MONGO_URL": accounts.mongo("viewer", mongo)})
        await self._run(
            exits, _python("Live view", ["monitor", "watch", "--lines"], viewer, None), _ready_at_once
        )

        print_line(f"Ingestor     http://127.0.0.1:{http}/ready")
        secrets = {
            "ENERGY_MQTT_URL": accounts.mqtt("ingestor", mqtt),
            "ENERGY_MONGO_URL": accounts.mongo("ingestor", mongo),
            **read_notify(ROOT / ".env"),
        }
        environment = {"ENERGY_HTTP": f"127.0.0.1:{http}", "ENERGY_ALARMS": str(ROOT / "alarms.toml")}
        environment |= self._secret_files.write("ingestor", secrets)
        ingestor = _python("Ingestor", ["ingestor"], environment, log / "ingestor.log")
        await self._run(exits, ingestor, lambda: _http_ready(f"http://127.0.0.1:{http}/ready"))

        await self._start_web(exits)
        addresses.write(state / "stack.env", accounts)
        write_client_files(state / "clients", accounts, mqtt, mongo)
        if sensors:
            print_line(f"Sensors      {sensors[0]}" + (f" to {sensors[-1]}" if nodes > 1 else ""))
        print_line(self._next_steps(nodes))
        for sensor_id in sensors:
            options = ["--sensor-id", sensor_id, "--outbox", str(state / "nodes" / f"{sensor_id}.db")]
            url = accounts.mqtt_url(sensor_id, passwords[sensor_id], mqtt)
            hidden = self._secret_files.write(sensor_id, {"ENERGY_MQTT_URL": url})
            node = _python(
                f"Sensor node {sensor_id}", ["sensor_node", *options], hidden, log / f"{sensor_id}.log"
            )
            await self._run(exits, node, _ready_at_once)

    async def _start_web(self, exits: AsyncExitStack) -> None:
        accounts, addresses = self._accounts, self._addresses
        url = addresses.web_url(accounts)
        print_line(f"Web page     {url}")
        secrets = {
            "ENERGY_MQTT_URL": accounts.mqtt("web", addresses.mqtt_port),
            "ENERGY_MONGO_URL": accounts.mongo("operator", addresses.mongo_port),
            "ENERGY_VIEWER_PASSWORD": accounts.passwords["WEB_VIEWER_PASSWORD"],
            "ENERGY_OPERATOR_PASSWORD": accounts.passwords["WEB_OPERATOR_PASSWORD"],
        }
        environment = {
            "ENERGY_HTTP": f"127.0.0.1:{addresses.web_port}",
            **self._secret_files.write("web", secrets),
        }
        if accounts.authority:
            certificate = str(accounts.authority.parent / "web.pem")
            environment |= {"ENERGY_TLS_CERTIFICATE": certificate, "ENERGY_TLS_KEY": certificate}
        page = _python("Web page", ["monitor", "web"], environment, self._state / "log" / "web.log")
        await self._run(exits, page, lambda: _http_ready(f"{url}/live", accounts.authority))

    async def _run(
        self, exits: AsyncExitStack, process: Process, check: Callable[[], Awaitable[bool]]
    ) -> None:
        await exits.enter_async_context(running(process, check))
        self._processes.append(process)

    async def supervise(self, seconds: float | None) -> None:
        """Start again what ends by itself, for some seconds or for ever.

        Raises:
            ProcessError: A process does not stay.
        """
        async with asyncio.TaskGroup() as group:
            keepers = [group.create_task(_restart_when_ended(process)) for process in self._processes]
            keepers.append(group.create_task(self._watch_mosquitto_store()))
            if seconds is None:
                await asyncio.Event().wait()
            else:
                await asyncio.sleep(seconds)
            for keeper in keepers:
                keeper.cancel()

    async def _watch_mosquitto_store(self) -> NoReturn:
        while True:
            await asyncio.sleep(RESTART_AFTER_S)
            self._report_damage()

    def _report_damage(self) -> None:
        """Say it when the broker began with an empty memory because it could not read its own."""
        for store in sorted(mosquitto.damaged_stores(self._state / "mosquitto") - self._known_damaged):
            self._known_damaged.add(store)
            print_line(
                "Mosquitto could not read its store and began with an empty one. Nothing is lost:\n"
                f"sensor nodes send again what is not confirmed. The old store is kept in\n"
                f"  {os.path.relpath(store)}"
            )

    def _next_steps(self, nodes: int) -> str:
        accounts, addresses = self._accounts, self._addresses
        next_sensor = numbered_sensor_ids(FIRST_SENSOR, nodes + 1)[-1]
        clients = os.path.relpath(self._state / "clients")
        return f"""
Look at it in a browser; the users are viewer and operator, their passwords in
.env as WEB_VIEWER_PASSWORD and WEB_OPERATOR_PASSWORD:
  {addresses.web_url(accounts)}
Follow the alerts, in another terminal:
  XDG_CONFIG_HOME={clients}/viewer mosquitto_sub -t 'energy/alerts/#' -v
List the alarms that stand; alarms.toml says when something is wrong:
  scripts/monitor alarms
Look at the data in MongoDB Compass, with VIEWER_MONGO_URL of
  {os.path.relpath(self._state / "stack.env")}
Launch one more sensor:
  scripts/sensor-node --sensor-id {next_sensor} --location "Room {nodes + 1}"
All addresses and users are in the same file. Ctrl-C ends everything.
"""


async def _restart_when_ended(process: Process) -> NoReturn:
    """Start a process again whenever it ends by itself, but not for ever."""
    ends: deque[float] = deque(maxlen=RESTARTS)
    while True:
        obituary = await process.wait_ended()
        ends.append(time.monotonic())
        if len(ends) == RESTARTS and ends[-1] - ends[0] < RESTARTS_WITHIN_S:
            raise ProcessError(f"gave up after {RESTARTS} starts: {obituary}")
        print_line(f"{obituary}; it is started again.")
        await asyncio.sleep(RESTART_AFTER_S)
        await process.start()


def _python(name: str, command: list[str], environment: dict[str, str], log: Path | None) -> Process:
    return Process(name, [sys.executable, "-m", *command], environment, log)


async def _ready_at_once() -> bool:
    return True


async def _http_ready(url: str, authority: Path | None = None) -> bool:
    context = ssl.create_default_context(cafile=authority)

    def ask() -> bool:
        try:
            with urllib.request.urlopen(url, timeout=2, context=context) as answer:  # noqa: S310 - the URL is ours
                return bool(answer.status == HTTPStatus.OK)
        except OSError:
            return False

    return await asyncio.to_thread(ask)


async def _unless_stopped(stop: asyncio.Event, work: Coroutine[Any, Any, None]) -> None:
    """Do ``work``, but drop it when told to stop."""
    tasks = [asyncio.ensure_future(work), asyncio.ensure_future(stop.wait())]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if tasks[0].done():
            tasks[0].result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
