"""others.py - other XMPP servers, as Debian has them, in the place of the one that is measured: each serves
lab.DOMAIN with a certificate of the same authority, has the user u0, and finds others by a DNS server of ours."""
import contextlib
import glob
import os
import shutil
import subprocess
import tempfile
import time

import lab

START_SECONDS = 60
# Only what it takes; passwords as they are, so that a login costs no time.
EJABBERD = """\
hosts: ["{domain}"]
loglevel: warning
certfiles: ["{directory}/server.pem"]
ca_file: "{ca}"
s2s_cafile: "{ca}"
s2s_use_starttls: required
auth_method: [internal]
auth_password_format: plain
listen:
  - port: {c2s}
    ip: "127.0.0.1"
    module: ejabberd_c2s
    starttls_required: true
  - port: {s2s}
    ip: "127.0.0.1"
    module: ejabberd_s2s_in
modules:
  mod_disco: {{}}
  mod_roster: {{}}
"""
INETRC = """\
{{hosts_file, ""}}.
{{resolv_conf, ""}}.
{{nameserver, {{127,0,0,1}}, {port}}}.
"""
# After ejabberd has started.
READY = ('[] = [E || E <- [ejabberd_auth:try_register(<<"u0">>, <<"{domain}">>, <<"{password}">>)], E =/= ok], '
         'ok = file:write_file("{directory}/ready", "").')


def version(name):
    """As the package calls it."""
    done = subprocess.run(["dpkg-query", "-W", "-f", "${Package} ${Version}", name], text=True,
                          capture_output=True, check=False)
    return done.stdout or name


@contextlib.contextmanager
def prosody(world):
    with world.lib.prosody.Prosody(lab.DOMAIN, world.names, world.authority, log="warn") as server:
        server.account("u0")
        yield server.c2s, server.s2s, server.process.pid


def ejabberd_write(world, directory, c2s, s2s):
    """Its files."""
    made = world.authority.issue([f"DNS:{lab.DOMAIN}"], usage="serverAuth,clientAuth")
    files = {"ejabberd.yml": EJABBERD.format(domain=lab.DOMAIN, directory=directory, c2s=c2s, s2s=s2s,
                                             ca=world.authority.certificate),
             "inetrc": INETRC.format(port=world.names.port), "server.pem": ""}
    for path in made:
        with open(path, encoding="ascii") as file:
            files["server.pem"] += file.read()
    for name, text in files.items():
        with open(os.path.join(directory, name), "w", encoding="ascii") as file:
            file.write(text)


def ejabberd_command(world, directory):
    """As ejabberdctl starts it, without a name and so without epmd."""
    ready = READY.format(domain=lab.DOMAIN, directory=directory, password=world.lib.client.PASSWORD)
    return ["erl", "+K", "true", "+P", "250000", "-noinput", "-mnesia", "dir", f'"{directory}/spool"', "-s", "ejabberd",
            "-eval", ready]


def wait_for(path, process):
    deadline = time.monotonic() + START_SECONDS
    while not os.path.exists(path):
        if process.poll() is not None or time.monotonic() > deadline:
            lab.fail("ejabberd does not start")
        time.sleep(0.05)


@contextlib.contextmanager
def ejabberd(world):
    c2s, s2s = world.lib.ports.keep_port(), world.lib.ports.keep_port()
    directory = tempfile.mkdtemp(prefix="godwit-ejabberd-")
    try:
        ejabberd_write(world, directory, c2s, s2s)
        libraries = os.path.dirname(glob.glob("/usr/lib/*/ejabberd-*")[0])
        environment = dict(os.environ, HOME=directory, ERL_LIBS=libraries, ERL_MAX_PORTS="32000",
                           ERL_INETRC=f"{directory}/inetrc", ERL_CRASH_DUMP="/dev/null",
                           EJABBERD_CONFIG_PATH=f"{directory}/ejabberd.yml", EJABBERD_LOG_PATH=f"{directory}/log")
        with subprocess.Popen(ejabberd_command(world, directory), cwd=directory, env=environment,
                              stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL) as process:
            try:
                wait_for(f"{directory}/ready", process)
                yield c2s, s2s, process.pid
            finally:
                process.terminate()
    finally:
        shutil.rmtree(directory, ignore_errors=True)


NAMES = {"prosody": prosody, "ejabberd": ejabberd}


def installed(lib):
    """Those that can be measured here."""
    found = {"prosody": lib.prosody.available(),
             "ejabberd": shutil.which("erl") is not None and glob.glob("/usr/lib/*/ejabberd-*/ebin") != []}
    return [name for name in NAMES if found[name]]


def start(name, world):
    """A context: ports for clients and for servers, and the process."""
    return NAMES[name](world)
