"""lab.py - what the scripts of this folder share: an optimised build, a database, a godwit to be measured,
by the harness of the tests (tests/lib), a floor to compare it with, and the load generator's figures."""
import contextlib
import json
import os
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.dirname(HERE)
BUILD = os.path.join(SOURCE, "build", "bench")
DOMAIN = "example.org"
# What a load generator does is what a server has to defend itself against.
NO_LIMITS = {"bytes_per_second": 0, "connections_per_address": 1000000, "pending_per_address": 1000000,
             "pending": 1000000}
ROWS_AT_ONCE = 1000
DESCRIPTORS_BESIDE = 200  # of a process that holds connections


def fail(why):
    sys.exit(f"{os.path.basename(sys.argv[0])}: {why}")


def make(directory, flags="-O2 -g"):
    """Configures on first use, and brings the build up to date; what was said is in build.log."""
    os.makedirs(directory, exist_ok=True)
    # Inside `make check`, that one's options are none of ours.
    environment = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MFLAGS")}
    with open(os.path.join(directory, "build.log"), "w", encoding="utf-8") as log:
        def run(*command, where=directory):
            done = subprocess.run(command, cwd=where, env=environment, stdout=log, stderr=log, check=False)
            if done.returncode != 0:
                fail(f"the build failed, see {log.name}")

        if not os.path.exists(os.path.join(SOURCE, "configure")):
            run("autoreconf", "-fi", where=SOURCE)
        if not os.path.exists(os.path.join(directory, "Makefile")):
            print(f"building in {directory}; this takes a minute or two", file=sys.stderr)
            run(os.path.join(SOURCE, "configure"), "-q", f"CFLAGS={flags}")
        run("make", "-s", f"-j{os.cpu_count()}", "bench")


def harness(directory, **environment):
    """tests/lib, told which build to use; its settings are read when it is loaded."""
    os.environ.update(environment, top_builddir=os.path.abspath(directory))
    sys.path.insert(0, os.path.join(SOURCE, "tests"))
    import lib
    return lib


@contextlib.contextmanager
def database(uri):
    """Environment for the harness, and further arguments for the load generator."""
    if uri is None:
        yield {"GODWIT_TEST_DATABASE": "sqlite"}, []
        return
    if uri != "postgresql":
        yield {"GODWIT_TEST_DATABASE": "postgresql", "GODWIT_TEST_POSTGRESQL": uri}, []
        return
    tool = os.path.join(SOURCE, "tests", "postgres")
    directory = tempfile.mkdtemp(prefix="godwit-bench-")
    try:
        started = subprocess.run([tool, "start", directory], check=True, text=True, stdout=subprocess.PIPE)
        with open(os.path.join(directory, "data", "postmaster.pid"), encoding="ascii") as file:
            process = file.readline().strip()
        yield ({"GODWIT_TEST_DATABASE": "postgresql", "GODWIT_TEST_POSTGRESQL": started.stdout.strip()},
               ["--database", process])
    finally:
        subprocess.run([tool, "remove", directory], check=False)
        shutil.rmtree(directory, ignore_errors=True)


def accounts(lib, server, *ranges):
    """Makes the accounts PREFIX0 to PREFIX<count-1> for each (prefix, count)."""
    names = [f"{prefix}{number}" for prefix, count in ranges for number in range(count)]
    made = [lib.Account(server, name, DOMAIN) for name in names]
    for start in range(0, len(made), ROWS_AT_ONCE):
        server.insert_users(made[start:start + ROWS_AT_ONCE])


def quieten(server):
    """From now on the log has warnings only, as where many log in."""
    server.log_level = "warning"
    server.write_config()
    server.ctl("reload")


def restart(server):
    """A fresh process on the same database."""
    server.log_level = "info"  # it says when it is ready
    server.restart()
    quieten(server)


def command(directory, port, process, *arguments):
    """The load generator, for a server of ours or the floor."""
    return [os.path.join(directory, "bench", "load"), "--domain", DOMAIN, "--port", str(port),
            "--server", str(process), *arguments]


def load(directory, server, *arguments, quiet=False):
    """Runs the load generator against the server; returns its exit status."""
    return subprocess.run(command(directory, server.ports["c2s"], server.process.pid, *arguments),
                          stdout=subprocess.DEVNULL if quiet else None, check=False).returncode


def rows(process):
    """What a load generator with --json has measured: a dictionary for each row."""
    text = process.communicate()[0]
    if process.returncode != 0:
        print(f"{os.path.basename(sys.argv[0])}: the load generator had problems", file=sys.stderr)
    return [json.loads(line) for line in text.splitlines()]


def measure(directory, port, process, *arguments):
    """Runs the load generator; returns its rows."""
    return rows(subprocess.Popen([*command(directory, port, process, *arguments), "--json"],
                                 stdout=subprocess.PIPE, text=True))


@contextlib.contextmanager
def floor(directory, certificate, key, program=None):
    """A running bench/floor, or another program that takes the same arguments: (port, process). Comes after
    harness()."""
    from lib.ports import keep_port
    port = keep_port()
    with subprocess.Popen([program or os.path.join(directory, "bench", "floor"), str(port), certificate, key],
                          stdout=subprocess.DEVNULL) as running:
        try:
            wait_port(port)
            yield port, running.pid
        finally:
            running.terminate()


def wait_port(port):
    for _ in range(100):
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        time.sleep(0.05)
    fail(f"nobody listens on port {port}")


def descriptors_check(sessions):
    """Ends here if a process may not hold so many connections."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if limit != resource.RLIM_INFINITY and sessions + DESCRIPTORS_BESIDE > limit:
        fail(f"{sessions} sessions need more than the {limit} descriptors a process may have here; "
             "raise the limit (ulimit -Hn) or ask for fewer")


def say(text):
    """How far it is; the figures go to standard output."""
    print(f"{os.path.basename(sys.argv[0])}: {text}", file=sys.stderr, flush=True)


def commit():
    """What is measured, as git calls it; without git, or outside of a clone, nobody knows."""
    try:
        done = subprocess.run(["git", "-C", SOURCE, "describe", "--always", "--dirty"], text=True,
                              capture_output=True, check=False)
    except FileNotFoundError:
        return "unknown"
    return done.stdout.strip() or "unknown"
