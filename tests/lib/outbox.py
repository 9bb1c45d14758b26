"""outbox.py - rows of the table outbox, for the tests that send by them."""
import time

from .connection import FACTOR, Failure
from .database import literal


def until(found, what, timeout=10):
    deadline = time.monotonic() + timeout * FACTOR
    while not found():
        if time.monotonic() > deadline:
            raise Failure(f"not in time: {what}")
        time.sleep(0.01)


def values(columns):
    return (f"INSERT INTO outbox ({', '.join(columns)}) VALUES "
            f"({', '.join(literal(value) for value in columns.values())})")


def send(server, sender, recipient, body="hello", **columns):
    """Inserts a row; returns its number."""
    columns = {"sender": str(sender), "recipient": recipient and str(recipient), "body": body, **columns}
    return server.sql(values(columns) + " RETURNING id")[0][0]


def state(server, number):
    return server.sql(f"SELECT state, error FROM outbox WHERE id = {number}")[0]


def wait_state(server, number, expected, error=None):
    until(lambda: state(server, number)[0] == expected, f"row {number} is {expected}")
    if not (state(server, number)[1] or "").startswith(error or ""):
        raise Failure(f"row {number}: {state(server, number)}")
