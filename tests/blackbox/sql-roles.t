#!/usr/bin/python3
"""SQL as the admin interface: the roles of PostgreSQL, set up by the commands of doc/admin.md as they are printed.
The password is the cluster's; `sudo -u postgres` is its superuser."""
import os
import re
import subprocess
import urllib.parse

from harness import *

from lib.cluster import Cluster
from lib.database import FLAVOUR
from lib.server import SOURCE

CLUSTER = Cluster() if FLAVOUR == "postgresql" else None
WARNING = "the server's own writes are logged"


def commands():
    """Those of the section about PostgreSQL that begin with sudo -u postgres, in paragraphs."""
    with open(os.path.join(SOURCE, "doc", "admin.md"), encoding="utf-8") as page:
        section = re.search(r"\n## PostgreSQL\n(.*?)\n###", page.read(), re.S).group(1)
    found = [re.findall(r"(?m)^    sudo -u postgres (.*)", paragraph) for paragraph in section.split("\n\n")]
    return [lines for lines in found if lines]


def uri_as(uri, role, database=None):
    parts = urllib.parse.urlsplit(uri)
    place = parts.netloc.rpartition("@")[2]
    return f"postgresql://{role}:{parts.password}@{place}/{database or parts.path[1:]}"


def run(lines, uri):
    """Runs the lines of a paragraph, in the database of that URI, where they say godwit."""
    parts = urllib.parse.urlsplit(uri)
    environment = {**os.environ, "PGHOST": parts.hostname, "PGPORT": str(parts.port), "PGUSER": parts.username,
                   "PGPASSWORD": parts.password}
    for line in lines:
        if "\\password" in line:
            role = line.rstrip("'").split()[-1]
            line = f"psql --command=\"ALTER ROLE {role} PASSWORD '{parts.password}'\""
        line = line.replace("/usr/share/godwit", SOURCE).replace("--dbname=godwit", f"--dbname={parts.path[1:]}")
        line = re.sub(r"^psql(?! --dbname)", "psql --dbname=postgres", line)
        line = re.sub(r"^psql", "psql -X -q -v ON_ERROR_STOP=1", line)
        done = subprocess.run(line, shell=True, env=environment, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise Failure(f"{line}: {done.stderr}")


def ask(uri, statement):
    done = subprocess.run(["psql", "-X", "-A", "-t", "-q", "-d", uri, "-c", statement], capture_output=True,
                          text=True, check=False)
    return done.stdout.strip() or done.stderr.strip()


@test("the roles, a database that is handed over to the right one, and an administrator", timeout=60)
def _():
    if CLUSTER is None:
        return
    first, hand_over, anna = commands()
    admin = os.environ["GODWIT_TEST_POSTGRESQL"]
    # The cluster is as its maker leaves it.
    for role in ("godwit_server", "godwit_admin", "godwit_readonly"):
        ask(admin, f"DROP ROLE {role}")
    ask(admin, f"CREATE ROLE old_role LOGIN PASSWORD '{urllib.parse.urlsplit(admin).password}'")
    server = Server(workers=1)
    database = server.database
    ask(admin, f"ALTER DATABASE {database.name} OWNER TO old_role")
    database.uri = uri_as(database.admin_uri, "old_role")
    with server:
        romeo = server.account("romeo")
        if "REASSIGN OWNED" not in server.wait_log(WARNING):
            raise Failure("the warning names no cure")
        romeo.login("orchard").roster_set("a@example.net")
        wait_until(lambda: server.sql("SELECT 1 FROM changes WHERE changed_by = 'old_role'"), "logged as another's")
        server.stop()
        run(hand_over, database.admin_uri)
        database.uri = uri_as(database.admin_uri, "godwit_server")
        mark = server.log_mark()
        server.start()
        if WARNING in server.log(mark):
            raise Failure("it still warns")
        r = romeo.login("orchard")
        r.roster_set("b@example.net")
        if sorted(r.roster()) != ["a@example.net", "b@example.net"]:
            raise Failure(f"the contact list: {r.roster()}")
        if server.sql("SELECT 1 FROM changes WHERE after LIKE '%b@example.net%'"):
            raise Failure("logged all the same")
        if ask(admin, f"SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = '{database.name}'"
               ) != "godwit_server":
            raise Failure("the database is not the server's")
        run(anna, database.admin_uri)
        ask(admin, f"ALTER ROLE anna PASSWORD '{urllib.parse.urlsplit(admin).password}'")
        as_anna = uri_as(database.admin_uri, "anna")
        ask(as_anna, f"UPDATE users SET disabled = true WHERE username = '{romeo.username}'")
        r.expect_stream_error("not-authorized")
        if "permission denied" not in ask(as_anna, "SELECT scram_sha_256 FROM users"):
            raise Failure("anna reads keys")
        # Nor is she let in by what the triggers do with the server's rights: tables of hers are hers alone.
        mine = "SELECT count(*) FROM changes WHERE changed_by = 'anna' AND subject = 'users'"
        count = int(ask(database.admin_uri, mine))
        answer = ask(as_anna, "CREATE TEMP TABLE changes (LIKE public.changes INCLUDING ALL); "
                     "GRANT ALL ON pg_temp.changes TO PUBLIC; "
                     "CREATE TEMP TABLE deleted_users (LIKE public.deleted_users INCLUDING ALL); "
                     "GRANT ALL ON pg_temp.deleted_users TO PUBLIC; "
                     f"UPDATE users SET disabled = false WHERE username = '{romeo.username}'; "
                     f"DELETE FROM users WHERE username = '{romeo.username}'")
        if answer or int(ask(database.admin_uri, mine)) != count + 2:
            raise Failure(f"the log lacks what anna has done: {answer}")
        if not server.sql("SELECT 1 FROM deleted_users"):
            raise Failure("the name is not reserved")
        server.stop()
    # The first set-up, on a cluster that has the roles already, and where the name is free.
    run(first, admin)
    if ask(uri_as(admin, "godwit_server", "godwit"), "SELECT session_user") != "godwit_server":
        raise Failure("godwit_server does not reach its database")
    ask(admin, "DROP DATABASE godwit")


main()
