"""Who listens on a port is seen also while its process opens and closes files all the time."""

import subprocess
import sys

from stack.listeners import listening_sockets, sockets_of_session

BUSY = """
import os, socket
server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
while True:
    opened = [os.open("/dev/null", os.O_RDONLY) for _ in range(50)]
    for each in opened:
        os.close(each)
"""


def test_listener_is_seen_while_its_process_opens_and_closes_files() -> None:
    command = [sys.executable, "-c", BUSY]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as busy:  # noqa: S603 - ours
        try:
            assert busy.stdout is not None
            port = int(busy.stdout.readline())
            for _ in range(50):
                listening = listening_sockets(port)
                assert len(listening) == 1
                assert listening <= sockets_of_session(busy.pid)
        finally:
            busy.kill()
