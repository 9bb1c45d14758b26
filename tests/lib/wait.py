"""wait.py - for what happens by itself: asks again and again."""
import time

from .connection import FACTOR, Timeout

POLL_SECONDS = 0.01


def wait_until(found, what, timeout=20, *, wanted=bool):
    """Asks until found() returns something that is wanted(), by itself something true; returns that.

    `what` says what was waited for, a text or a function that makes it.
    """
    deadline = time.monotonic() + timeout * FACTOR
    while True:
        value = found()
        if wanted(value):
            return value
        if time.monotonic() > deadline:
            raise Timeout(f"waited in vain for {what() if callable(what) else what}; at last: {value!r}")
        time.sleep(POLL_SECONDS)
