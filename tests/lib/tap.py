"""tap.py - the runner of a test file: functions to lines of TAP.

A file registers functions with @test or @two_users and ends in main(). What a function's parameters
are called says what it gets: `server` is the file's server, any other name is a fresh account of that
name. Automake's driver reads the lines, so the exit status is 0 whenever all tests were run.
"""
import inspect
import os
import re
import signal
import sys
import time
import traceback

from .connection import FACTOR, Failure
from .server import Server

TEST_TIMEOUT = 30
LOG_LINES = 25
TRANSCRIPT_LINES = 60
LINE_MAX = 1000

_tests = []


class Skip(Exception):
    """Raised by a test that cannot run here; in CI that counts as a failure."""


class _Test:
    def __init__(self, title, function, same_worker=None, timeout=TEST_TIMEOUT):
        self.title = title
        self.function = function
        self.same_worker = same_worker
        self.timeout = timeout * FACTOR

    def arguments(self, server):
        """The values of the function's parameters: see the top of this file."""
        names = [name for name in inspect.signature(self.function).parameters if name != "server"]
        accounts = dict(zip(names, self._accounts(server, names))) if names else {}
        return {name: server if name == "server" else accounts[name]
                for name in inspect.signature(self.function).parameters}

    def _accounts(self, server, names):
        if self.same_worker is None:
            return server.accounts([(name, None) for name in names])
        first, second = server.two_accounts(names[:2], same_worker=self.same_worker)
        others = server.accounts([(name, None) for name in names[2:]]) if names[2:] else []
        return [first, second, *others]


def test(title, timeout=TEST_TIMEOUT, when=True):
    """Registers a test. The title begins with the section it shows.

    `when` False: in this run there is nothing to be shown."""
    def register(function):
        if when:
            _tests.append(_Test(title, function, timeout=timeout))
        return function
    return register


def two_users(title, timeout=TEST_TIMEOUT):
    """Registers a test that runs twice: the first two accounts on one worker, and on different ones."""
    def register(function):
        _tests.append(_Test(f"{title} [one worker]", function, True, timeout))
        _tests.append(_Test(f"{title} [two workers]", function, False, timeout))
        return function
    return register


def _say(text):
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _visible(match):
    return f"\\x{ord(match[0]):02x}"


def note(text):
    """Something for the reader: lines that the TAP reader ignores, without bytes that terminals act upon."""
    for line in re.sub(r"[^\n\t -~\u00a0-\U0010ffff]", _visible, text).split("\n"):
        _say("#   " + line)


def _on_alarm(*_):
    raise Failure("the test takes too long")


def _clean(title):
    return re.sub(r"\s+", " ", title.replace("#", "no. "))


class _Runner:
    """Runs the tests of a file, one after the other, against one server."""

    def __init__(self, server):
        self.server = server
        self.number = 0
        self.failed = 0

    def report(self, title, problem=None, skip=None):
        self.number += 1
        self.failed += problem is not None
        suffix = f" # SKIP {skip}" if skip is not None else ""
        _say(f"{'ok' if problem is None else 'not ok'} {self.number} - {_clean(title)}{suffix}")
        if problem is not None:
            note(problem)

    def run(self, wanted):
        for one in wanted:
            self.run_one(one)

    def run_one(self, one):
        server = self.server
        mark = server.log_mark() if server else 0
        started = time.monotonic()
        try:
            if server and not server.running():
                server.start()
            signal.setitimer(signal.ITIMER_REAL, one.timeout)
            try:
                one.function(**one.arguments(server))
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
            if server:
                server.check_alive()
            self.report(one.title)
        except Skip as reason:
            self.report(one.title, skip=str(reason))
        except Exception as error:
            took = time.monotonic() - started
            self.report(one.title, self.describe(error, took, mark))
        self.forget()

    def describe(self, error, took, mark):
        parts = [f"{type(error).__name__} after {took:.2f} s: {error}"]
        frames = traceback.extract_tb(error.__traceback__)
        parts += [f"at {os.path.basename(frame.filename)}:{frame.lineno}: {frame.line}"
                  for frame in frames if "/tests/lib/tap.py" not in frame.filename]
        for server in Server.made:
            for connection in server.connections:
                parts.append(f"--- {connection.name}")
                parts += [line[:LINE_MAX] for line in connection.transcript[-TRANSCRIPT_LINES:]]
            parts.append("--- server's log since the test began")
            parts += server.log(mark if server is self.server else 0).splitlines()[-LOG_LINES:]
        return "\n".join(parts)

    def forget(self):
        """Closes what a test has left open: connections to the file's server, and other servers."""
        for server in Server.made:
            for connection in server.connections:
                connection.close()
            server.connections.clear()
            if server is not self.server and not server.lasts:
                server.close()
        Server.made[:] = [server for server in Server.made if server is self.server or server.lasts]

    def finish(self):
        """One more point: the server ends as it should, with no sanitizer report in its log; so do others
        that lasted."""
        title = "the server stops cleanly"
        try:
            for server in Server.made:
                if server.running():
                    server.stop()
                server.check_reports()
            self.report(title)
        except Exception as error:
            self.report(title, f"{type(error).__name__}: {error}")
        for server in Server.made:
            server.close()


def main(server=True, **settings):
    """Runs the file's tests; `settings` are those of Server, server=False starts none, a function
    starts one and returns it.

    Arguments of the command: words; only tests with all of them in their titles are run.
    """
    words = sys.argv[1:]
    wanted = [one for one in _tests if all(word in one.title for word in words)]
    signal.signal(signal.SIGALRM, _on_alarm)
    # By way of atexit, so that an interrupted run leaves no server behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")
    _say(f"1..{len(wanted) + (1 if server else 0)}")
    runner = _Runner(None)
    if server:
        try:
            runner.server = server() if callable(server) else Server(**settings).start()
        except Exception as error:
            note(f"{type(error).__name__}: {error}")
            _say("Bail out! the server does not start")
            sys.exit(1)
    runner.run(wanted)
    if server:
        runner.finish()
    if runner.failed and sys.stdout.isatty():
        sys.exit(1)
