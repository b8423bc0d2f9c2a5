"""All processes of one run of ``scripts/up``: started in order, restarted when they end by themselves."""

import asyncio
import os
import shutil
import sys
import time
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import NoReturn

from broker.messages import numbered_sensor_ids
from broker.program.process import print_line
from stack import mosquitto
from stack.addresses import Addresses
from stack.log_rotation import bound_logs
from stack.processes import Check, Process, ProcessError, http_ready, running
from stack.secrets.credentials import Credentials, add_sensor_accounts
from stack.secrets.passwords import forget_previous, read_notify
from stack.secrets.secret_files import SecretFiles, write_client_files
from stack.servers import Servers

ROOT = Path(__file__).parent.parent
FIRST_SENSOR = "Sensor-LARI-01"
RESTART_AFTER_S = 1.0
# So many ends within so many seconds are those of a program that cannot start. Somebody who fills the memory
# of the broker ends it less often.
RESTARTS = 7
RESTARTS_WITHIN_S = 20.0


class LocalStack:
    """All processes of one run.

    Args:
        exits: Ends the processes, in the opposite order of their start.
        state: Folder for everything that is kept.
        credentials: The users of broker and database.
        addresses: Where to listen.
    """

    def __init__(
        self, exits: AsyncExitStack, state: Path, credentials: Credentials, addresses: Addresses
    ) -> None:
        self._exits = exits
        self._state = state
        self._credentials = credentials
        self._addresses = addresses
        self._servers = Servers(
            credentials, state, addresses.mqtt_port, addresses.mongo_port, addresses.mutual_port
        )
        self._secret_files = SecretFiles(state / "secrets")
        self._processes: list[Process] = []
        self._known_damaged = mosquitto.damaged_stores(state / "mosquitto")

    async def start(self, nodes: int) -> None:
        """Start the servers, the live view, the ingestor, the web page and the sensor nodes."""
        credentials, servers, state = self._credentials, self._servers, self._state

        self._forget_addresses()
        sensors = numbered_sensor_ids(FIRST_SENSOR, nodes) if nodes else []
        passwords = await self._start_broker(sensors)
        await self._start_database()

        # The live view outlives the ingestor, so that it shows the last reading too.
        watch = ["monitor", "watch", "--lines"]
        secrets = {"ENERGY_MONGO_URL": servers.mongo_by_socket("viewer")}
        await self._run(self._program("viewer", "Live view", watch, secrets))
        await self._start_ingestor()
        await self._start_web()

        for sentence in self._addresses.moved(credentials.external):
            print_line(sentence)
        self._addresses.write(state / "stack.env", credentials)
        write_client_files(state / "clients", credentials, servers.mqtt_port, servers.mongo_port)
        self._exits.callback(self._forget_addresses)
        if sensors:
            print_line(f"Sensors      {sensors[0]}" + (f" to {sensors[-1]}" if nodes > 1 else ""))
        print_line(self._next_steps(nodes))
        for sensor_id in sensors:
            outbox = str(state / "nodes" / f"{sensor_id}.db")
            command = ["sensor_node", "--sensor-id", sensor_id, "--outbox", outbox]
            if sensor_id in passwords:
                url = credentials.mqtt_by_socket(sensor_id, passwords[sensor_id], servers.mqtt_socket)
            else:
                url = servers.mqtt("sensors")
            secrets = {"ENERGY_MQTT_URL": url}
            await self._run(self._program(sensor_id, f"Sensor node {sensor_id}", command, secrets))

    def _forget_addresses(self) -> None:
        """Remove the files with addresses and passwords: a port without our server may be anybody's."""
        (self._state / "stack.env").unlink(missing_ok=True)
        shutil.rmtree(self._state / "clients", ignore_errors=True)

    async def _start_broker(self, sensors: Sequence[str]) -> dict[str, str]:
        """Start Mosquitto, unless there is an external broker; return the passwords of simulated sensors."""
        if self._credentials.external.mqtt_url is not None:
            print_line("Mosquitto    is not started: ENERGY_MQTT_URL in .env names another broker")
            return {}
        passwords = add_sensor_accounts(self._state / "mosquitto" / "users", sensors)
        await self._run(self._servers.broker, self._servers.broker_ready)
        print_line(f"Mosquitto    127.0.0.1:{self._servers.mqtt_port}")
        self._report_damage()
        return passwords

    async def _start_database(self) -> None:
        """Start MongoDB and make its users, unless there is an external database."""
        if self._credentials.external.mongo_url is not None:
            print_line("MongoDB      is not started: ENERGY_MONGO_URL in .env names another database")
            return
        await self._run(self._servers.database, self._servers.database_ready)
        print_line(f"MongoDB      127.0.0.1:{self._servers.mongo_port}")
        await self._servers.make_users()
        forget_previous(ROOT / ".env")

    async def _start_ingestor(self) -> None:
        ready = f"http://127.0.0.1:{self._addresses.http_port}/ready"
        secrets = {
            "ENERGY_MQTT_URL": self._servers.mqtt_by_socket("ingestor"),
            "ENERGY_MONGO_URL": self._servers.mongo_by_socket("ingestor"),
            **read_notify(ROOT / ".env"),
        }
        http, alarms = f"127.0.0.1:{self._addresses.http_port}", str(ROOT / "alarms.toml")
        environment = {"ENERGY_HTTP": http, "ENERGY_ALARMS": alarms}
        if self._credentials.external.mqtt_url is None:
            # Of a broker of somebody else there is no register here.
            environment["ENERGY_REGISTER"] = str(self._state / "mosquitto" / "users" / "register.json")
        program = self._program("ingestor", "Ingestor", ["ingestor"], secrets, **environment)
        program.ports = [self._addresses.http_port]
        await self._run(program, lambda: http_ready(ready))
        print_line(f"Ingestor     {ready}")

    async def _start_web(self) -> None:
        credentials, addresses = self._credentials, self._addresses
        url = addresses.web_url(credentials)
        secrets = {
            "ENERGY_MQTT_URL": self._servers.mqtt_by_socket("web"),
            "ENERGY_MONGO_URL": self._servers.mongo_by_socket("operator"),
            "ENERGY_VIEWER_PASSWORD": credentials.passwords["WEB_VIEWER_PASSWORD"],
            "ENERGY_OPERATOR_PASSWORD": credentials.passwords["WEB_OPERATOR_PASSWORD"],
        }
        environment = {"ENERGY_HTTP": f"127.0.0.1:{addresses.web_port}"}
        if credentials.authority:
            certificate = str(credentials.authority.parent / "web.pem")
            environment |= {"ENERGY_TLS_CERTIFICATE": certificate, "ENERGY_TLS_KEY": certificate}
        program = self._program("web", "Web page", ["monitor", "web"], secrets, **environment)
        program.ports = [addresses.web_port]
        await self._run(program, lambda: http_ready(f"{url}/live", credentials.authority))
        print_line(f"Web page     {url}")

    def _program(
        self, folder: str, name: str, command: Sequence[str], secrets: Mapping[str, str], **environment: str
    ) -> Process:
        """Describe one of our programs, with its secrets in files; the live view writes on this terminal."""
        variables = environment | self._secret_files.write(folder, secrets)
        log = None if folder == "viewer" else self._state / "log" / f"{folder}.log"
        return Process(name, [sys.executable, "-m", *command], variables, log)

    async def _run(self, process: Process, check: Check | None = None) -> None:
        await self._exits.enter_async_context(running(process, check))
        self._processes.append(process)

    async def supervise(self) -> None:
        """Restart, for ever, what ends by itself, and keep the logs within their bound.

        Raises:
            ExceptionGroup: Of a ProcessError: a process does not keep running.
        """
        async with asyncio.TaskGroup() as group:
            for process in self._processes:
                group.create_task(_restart_when_ended(process))
            while True:
                await asyncio.sleep(RESTART_AFTER_S)
                self._report_damage()
                await asyncio.to_thread(bound_logs, self._state / "log")

    def _report_damage(self) -> None:
        """Say it when the broker began with an empty memory because it could not read its own."""
        for store in sorted(mosquitto.damaged_stores(self._state / "mosquitto") - self._known_damaged):
            self._known_damaged.add(store)
            print_line(
                "Mosquitto could not use its store and began with an empty one. Nothing is lost:\n"
                f"sensor nodes send again what is not confirmed. The old store is kept in\n"
                f"  {os.path.relpath(store)}"
            )

    def _next_steps(self, nodes: int) -> str:
        next_sensor = numbered_sensor_ids(FIRST_SENSOR, nodes + 1)[-1]
        return f"""
Look at it in a browser; the users are viewer and operator, their passwords in
.env as WEB_VIEWER_PASSWORD and WEB_OPERATOR_PASSWORD:
  {self._addresses.web_url(self._credentials)}
Follow the alerts, in another terminal:
  XDG_CONFIG_HOME={os.path.relpath(self._state / "clients")}/viewer mosquitto_sub -t 'energy/alerts/#' -v
List the active alarms; alarms.toml has the rules:
  scripts/monitor alarms
Look at the data in MongoDB Compass, with VIEWER_MONGO_URL of
  {os.path.relpath(self._state / "stack.env")}
Launch one more sensor:
  scripts/sensor-node --sensor-id {next_sensor} --location "Room {nodes + 1}"
All addresses and users are in the same file. Ctrl-C ends everything.
"""


async def _restart_when_ended(process: Process) -> NoReturn:
    """Restart a process whenever it ends by itself, but not for ever, nor if another program has its port."""
    ends: deque[float] = deque(maxlen=RESTARTS)
    while True:
        exit_message = await process.wait_ended()
        ends.append(time.monotonic())
        if len(ends) == RESTARTS and ends[-1] - ends[0] < RESTARTS_WITHIN_S:
            raise ProcessError(f"gave up after {RESTARTS} starts: {exit_message}")
        print_line(f"{exit_message}; it is started again.")
        await asyncio.sleep(RESTART_AFTER_S)
        await process.start()
        await process.listening()
