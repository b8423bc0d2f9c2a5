"""Places of ``stack`` at which tests put faults in."""

import stack.__main__
import stack.local_stack
import stack.mongo_accounts
import stack.mongod
from stack.secrets.credentials import Credentials
from tests.fault_points.point import Point

# The options that MongoDB is started with.
CONFIGURATION = Point(stack.mongod, "CONFIGURATION")
CIPHERS = Point(stack.mongod, "CIPHERS")
# The folder with .env and alarms.toml.
PROJECT_FOLDERS = (Point(stack.__main__, "ROOT"), Point(stack.local_stack, "ROOT"))
# A user of MongoDB is made or changed.
UPDATE_OR_CREATE = Point(stack.mongo_accounts, "_update_or_create")
# A process that ended is started again.
RESTART_WHEN_ENDED = Point(stack.local_stack, "_restart_when_ended")
# Where those who make users find MongoDB.
SOCKET_URL = Point(Credentials, "mongo_by_socket")
