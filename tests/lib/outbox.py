"""outbox.py - rows of the table outbox, for the tests that send by them."""
from .connection import Failure
from .database import literal
from .wait import wait_until


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
    wait_until(lambda: state(server, number)[0] == expected, f"row {number} is {expected}")
    if not (state(server, number)[1] or "").startswith(error or ""):
        raise Failure(f"row {number}: {state(server, number)}")
