"""cluster.py - PostgreSQL to be stopped, killed and halted by a test file."""
import atexit
import os
import subprocess
import tempfile

from .connection import Failure
from .server import SOURCE


class Cluster:
    """A cluster of our own, which other test files do not miss."""

    def __init__(self):
        self.directory = tempfile.mkdtemp(prefix="godwit-cluster-")
        self.halted = False
        atexit.register(self.remove)
        os.environ["GODWIT_TEST_POSTGRESQL"] = self.do("start").strip()

    def do(self, action):
        done = subprocess.run([os.path.join(SOURCE, "tests", "postgres"), action, self.directory],
                              text=True, capture_output=True, timeout=120)
        if done.returncode != 0:
            raise Failure(f"tests/postgres {action}: {done.stderr}")
        return done.stdout

    def remove(self):
        if self.halted:
            self.do("continue")
        self.do("remove")

    def pause(self):
        self.halted = True
        self.do("pause")

    def go_on(self):
        self.do("continue")
        self.halted = False
