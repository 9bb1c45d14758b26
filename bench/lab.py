"""lab.py - what `run` and `instructions` share: an optimised build, and a godwit to be measured, by the
harness of the tests (tests/lib)."""
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.dirname(HERE)
BUILD = os.path.join(SOURCE, "build", "bench")
DOMAIN = "example.org"
# What a load generator does is what a server has to defend itself against.
NO_LIMITS = {"bytes_per_second": 0, "connections_per_address": 1000000, "pending_per_address": 1000000,
             "pending": 1000000}
ROWS_AT_ONCE = 1000


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


def load(directory, server, *arguments, quiet=False):
    """Runs the load generator against the server; returns its exit status."""
    return subprocess.run([os.path.join(directory, "bench", "load"), "--domain", DOMAIN,
                           "--port", str(server.ports["c2s"]), "--server", str(server.process.pid),
                           *arguments], stdout=subprocess.DEVNULL if quiet else None, check=False).returncode
