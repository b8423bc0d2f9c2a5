"""Everything that can go wrong with a broker is one of three exceptions.

BrokerError
├── BrokerLostError      it does not answer, or no longer: try again
└── BrokerRejectedError  it does not let this user in, or not do this: tell a person
"""


class BrokerError(Exception):
    """Whatever can go wrong between this process and the broker."""


class BrokerLostError(BrokerError):
    """Raised when the broker does not answer or the connection to it ended."""


class BrokerRejectedError(BrokerError):
    """Raised when the broker answers no, and asking again would not change that."""
