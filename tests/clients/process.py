"""process.py - programs that a test starts, and that never outlive it.

Each has a home directory of its own. Whatever it starts in turn, also through D-Bus or as a daemon,
inherits a mark in its environment, by which it is found and ended.
"""
import atexit
import ctypes
import itertools
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from lib.connection import FACTOR, Failure
from lib.server import KEEP
from lib.tap import Skip
from lib.wait import POLL_SECONDS, wait_until

__all__ = ["Process", "wait_stored", "bare"]

TIMEOUT = 20 * FACTOR
STOP_TIMEOUT = 5 * FACTOR
PR_SET_PDEATHSIG = 1
NOBODY = 65534
MARK = "GODWIT_TEST_CLIENT"

_marks = itertools.count(1)
_libc = ctypes.CDLL(None)


def bare(jid):
    return jid.split("/", 1)[0]


def wait_stored(account):
    """Waits until a message for that account has been stored for its next login."""
    wait_until(lambda: account.server.sql(f"SELECT 1 FROM offline_messages WHERE {account.row}"),
               f"a stored message for {account}")


def _die_with_parent():
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _marked(mark):
    """Ids of all processes with that mark, zombies left out: their environment is empty."""
    wanted = f"{MARK}={mark}".encode()
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/environ", "rb") as file:
                if wanted in file.read().split(b"\0"):
                    yield int(name)
        except OSError:
            pass


# A terminated script still ends what it has started: exit functions run.
signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))


class Process:
    """A program with a home of its own. It is closed with the connections of the server.

    `needed` are the programs without which the test is skipped.
    """

    def __init__(self, server, name, needed=()):
        for program in needed:
            if shutil.which(program) is None:
                raise Skip(f"{program} is not installed")
        self.name = name
        self.server = server
        self.home = tempfile.mkdtemp(prefix="godwit-client-")
        self.mark = f"{os.getpid()}-{next(_marks)}"
        self.output = os.path.join(self.home, "output")
        self.process = None
        self.notes = []
        self.server.connections.append(self)
        atexit.register(self.close)

    def environment(self, **more):
        """That of a user who has just been created, with a locale that has all characters."""
        runtime = os.path.join(self.home, "run")
        os.makedirs(runtime, mode=0o700, exist_ok=True)
        environment = {
            "PATH": os.environ["PATH"], "HOME": self.home, "LC_ALL": "C.UTF-8", "USER": "romeo",
            "XDG_CONFIG_HOME": self.path(".config"), "XDG_DATA_HOME": self.path(".local/share"),
            "XDG_CACHE_HOME": self.path(".cache"), "XDG_RUNTIME_DIR": runtime, "TMPDIR": runtime,
            MARK: self.mark,
        }
        environment.update(more)
        return environment

    def path(self, *parts):
        return os.path.join(self.home, *parts)

    def write(self, path, text):
        """Writes a file in the home directory; returns its path."""
        path = self.path(path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def copy(self, path):
        """Copies a file into the home directory; returns its path."""
        return shutil.copy(path, self.home)

    def unprivileged(self, command):
        """The command, run by nobody if we are root, who then owns the home directory."""
        if os.geteuid() != 0:
            return command
        for directory, _, files in os.walk(self.home):
            for path in (directory, *(os.path.join(directory, name) for name in files)):
                os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
        return ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups",
                "--pdeathsig=KILL", *command]

    def spawn(self, arguments, *, environment=None, **streams):
        """Starts a program; its standard error, and output if nobody wants it, go to `output`."""
        with open(self.output, "ab") as log:
            streams.setdefault("stdin", subprocess.DEVNULL)
            streams.setdefault("stdout", log)
            return subprocess.Popen(arguments, stderr=log, env=environment or self.environment(),
                                    cwd=self.home, start_new_session=True,
                                    preexec_fn=_die_with_parent, **streams)

    @property
    def transcript(self):
        """For the diagnostics of a failed test."""
        with open(self.output, encoding="utf-8", errors="replace") as file:
            return self.notes + file.read().splitlines()

    def check_running(self):
        if self.process.poll() is not None:
            raise Failure(f"{self.name} ended with {self.process.returncode}")

    def wait_for(self, found, what):
        """wait_until(), as long as the program runs."""
        def ask():
            value = found()
            if not value:
                self.check_running()
            return value
        return wait_until(ask, lambda: f"{what() if callable(what) else what} of {self.name}")

    def close(self):
        """Ends the program and all that it has started, and removes its home."""
        atexit.unregister(self.close)
        self.end()
        if self.process is not None:
            self.process.wait()
        if not KEEP:
            shutil.rmtree(self.home, ignore_errors=True)

    def end(self):
        """Asks all processes to end, then kills those that do not."""
        deadline = time.monotonic() + STOP_TIMEOUT
        kind = signal.SIGTERM
        while True:
            if self.process is not None:
                self.process.poll()  # or it stays as a zombie
            left = list(_marked(self.mark))
            if not left:
                return
            for identifier in left if kind is not None else []:
                try:
                    os.kill(identifier, kind)
                except ProcessLookupError:
                    pass
            if time.monotonic() > deadline:
                kind = signal.SIGKILL
            elif kind == signal.SIGTERM:
                kind = None
            time.sleep(POLL_SECONDS)
