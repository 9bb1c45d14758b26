"""database.py - a fresh database for each server under test, SQLite or PostgreSQL.

Which one is GODWIT_TEST_DATABASE; PostgreSQL's cluster is GODWIT_TEST_POSTGRESQL, the URI of a
database to connect to for making others. Statements are plain SQL text with the values in it.
"""
import copy
import os
import re
import sqlite3
import subprocess
import urllib.parse

FLAVOUR = os.environ.get("GODWIT_TEST_DATABASE", "sqlite")
_MARK = "--godwit-test--"


def literal(value):
    """A value as SQL text."""
    if value is None:
        return "NULL"
    if isinstance(value, (int, float)):
        return str(value)
    return "'" + str(value).replace("'", "''") + "'"


class Sqlite:
    """One file in the server's directory."""

    def __init__(self, directory):
        self.path = os.path.join(directory, "godwit.sqlite")
        self.uri = "sqlite:" + self.path
        self.connection = None

    def run(self, statement):
        """Runs one statement; rows as tuples of text, None for NULL."""
        if self.connection is None:
            self.connection = sqlite3.connect(self.path, timeout=10, isolation_level=None)
            self.connection.execute("PRAGMA foreign_keys = ON")
        rows = self.connection.execute(statement).fetchall()
        return [tuple(None if value is None else str(value) for value in row) for row in rows]

    def another(self):
        """Another connection to the same database, for another thread."""
        other = copy.copy(self)
        other.connection = sqlite3.connect(self.path, timeout=60, isolation_level=None,
                                           check_same_thread=False)
        other.connection.execute("PRAGMA foreign_keys = ON")
        return other

    def disconnect(self):
        if self.connection is not None:
            self.connection.close()
            self.connection = None

    def drop(self):
        self.disconnect()


class Postgresql:
    """A database of its own in the cluster of the test run."""

    def __init__(self, directory):
        self.admin = os.environ["GODWIT_TEST_POSTGRESQL"]
        self.name = "t_" + re.sub(r"[^a-z0-9]", "_", os.path.basename(directory).lower())
        parts = urllib.parse.urlsplit(self.admin)
        # An empty host needs its slashes written out: urlunsplit() would drop them.
        query = "?" + parts.query if parts.query else ""
        self.admin_uri = f"{parts.scheme}://{parts.netloc}/{self.name}{query}"
        # The server is one role, whoever changes its tables another: tests/postgres makes them. In a
        # cluster without it, all is done by one.
        place = parts.netloc.rpartition("@")[2]
        self.uri = self.admin_uri
        self.psql = None
        owner = self._admin("SELECT rolname FROM pg_roles WHERE rolname = 'godwit_server'")
        if owner:
            self.uri = f"{parts.scheme}://godwit_server:{parts.password}@{place}/{self.name}{query}"
        self._admin(f'CREATE DATABASE "{self.name}" TEMPLATE template0 ENCODING \'UTF8\''
                    + f" OWNER {owner}" * bool(owner))

    def _admin(self, statement):
        done = subprocess.run(["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", self.admin,
                               "-c", statement], check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def _start(self):
        self.psql = subprocess.Popen(["psql", "-X", "-q", "-A", "-t", "-F", "\t", "-P", "null=\\N",
                                      "-d", self.admin_uri], text=True, bufsize=1, stdin=subprocess.PIPE,
                                     stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def run(self, statement):
        """Runs one statement; rows as tuples of text, None for NULL."""
        if self.psql is None or self.psql.poll() is not None:
            self._start()
        self.psql.stdin.write(f"{statement};\n\\echo {_MARK}\n")
        self.psql.stdin.flush()
        lines = []
        for line in self.psql.stdout:
            if line.rstrip("\n") == _MARK:
                break
            lines.append(line.rstrip("\n"))
        else:  # psql ends with its connection
            raise RuntimeError(f"no connection any more for: {statement}\n" + "\n".join(lines))
        problems = [line for line in lines if re.match(r"(psql:.*)?\s*(ERROR|FATAL):", line)]
        if problems:
            raise RuntimeError(f"{problems[0]} in: {statement}")
        return [tuple(None if value == "\\N" else value for value in line.split("\t"))
                for line in lines]

    def another(self):
        """Another connection to the same database, for another thread."""
        other = copy.copy(self)
        other.psql = None
        return other

    def disconnect(self):
        """Ends the session of run(), which begins another: for tests that end the cluster."""
        if self.psql is None:
            return
        try:
            self.psql.stdin.close()
        except BrokenPipeError:
            pass
        self.psql.stdout.close()
        self.psql.wait()
        self.psql = None

    def drop(self):
        self.disconnect()
        try:
            self._admin(f'DROP DATABASE IF EXISTS "{self.name}" WITH (FORCE)')
        except subprocess.CalledProcessError:
            pass  # the cluster goes away as a whole at the end


def fresh(directory):
    """An empty database of the flavour that is asked for."""
    return {"sqlite": Sqlite, "postgresql": Postgresql}[FLAVOUR](directory)
