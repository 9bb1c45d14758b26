#!/usr/bin/python3
"""The interface of modules: one that somebody else wrote is built against an installed godwit, loaded,
and works; one that does not fit is refused at start, with a reason."""
import os
import re
import shutil
import subprocess
import tempfile

from harness import *
from lib.server import BUILD, SOURCE, binary

NS_HELLO = "urn:example:hello"
HELLO = f"<hello xmlns='{NS_HELLO}'/>"
MODULES = ["disco", "ping", "hello"]


class Installed:
    """A godwit installed into a directory of its own, with the module built against it there."""

    def __init__(self):
        self.root = tempfile.mkdtemp(prefix="godwit-install-")
        self.run("make", "-C", BUILD, "install", f"DESTDIR={self.root}", "MAKEFLAGS=")
        (self.pkgconfig,) = self.find("godwit.pc")
        self.source = os.path.join(self.root, "module")
        shutil.copytree(os.path.join(SOURCE, "tests", "module"), self.source)

    def run(self, *command, **options):
        done = subprocess.run(command, text=True, capture_output=True, timeout=200, **options)
        if done.returncode != 0:
            raise Failure(f"{' '.join(command)}:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
        return done.stdout

    def find(self, name):
        return [os.path.join(folder, name) for folder, _, files in os.walk(self.root)
                if name in files]

    def build(self, flags="", name="hello.so"):
        """Builds and installs it; returns the folder it is in."""
        environment = dict(os.environ, PKG_CONFIG_PATH=os.path.dirname(self.pkgconfig))
        self.run("make", "-B", "-C", self.source, "install", "PKG_CONFIG=pkg-config --define-prefix",
                 f"CFLAGS=-O1 -Wall -Wextra -Werror -Wno-missing-field-initializers {flags}",
                 "MAKEFLAGS=", env=environment)
        (built,) = [path for path in self.find("hello.so") if not path.startswith(self.source)]
        folder = os.path.dirname(built)
        if name != "hello.so":
            os.rename(built, os.path.join(folder, name))
        return folder


def installed():
    if not hasattr(installed, "it"):
        installed.it = Installed()
    return installed.it


def server_with(folder, settings="", modules=MODULES):
    return Server(workers=2, modules=modules, settings=f'module_path = "{folder}"\n{settings}')


def expect_refusal(folder, pattern, settings="", modules=MODULES):
    """--check says what is wrong with a module; so would the server at its start."""
    server = server_with(folder, settings, modules)
    try:
        server.write_config()
        for arguments in (["--check"], []):
            done = subprocess.run([binary("godwit"), "--config", server.config, *arguments],
                                  text=True, capture_output=True, timeout=30 * FACTOR)
            said = done.stdout + done.stderr
            if done.returncode == 0 or not re.search(pattern, said):
                raise Failure(f"{done.returncode}: {said}")
    finally:
        server.close()


@test("doc/modules.md: a foreign module is built, installed and loaded", timeout=240)
def _():
    folder = installed().build()
    if not os.path.exists(os.path.join(folder, "ping.so")):
        raise Failure(f"{folder} is not where our own modules are")
    with server_with(folder) as server:
        romeo, juliet = server.accounts([("romeo", None), ("juliet", None)])
        r = romeo.login("orchard", presence=True)
        answer = r.get(HELLO, to="example.org")
        if text(answer, "{%s}hello" % NS_HELLO) != f"Hello, {romeo.username}":
            raise Failure(show(answer))
        r.expect(f"<message type='headline' from='{romeo.jid}'><body>Hello for the 1. time</body></message>")
        r.end()
        r = romeo.login("orchard", presence=True)
        r.expect("<message type='headline'><body>Hello for the 2. time</body></message>")
        j = juliet.login("balcony", presence=True)
        r.message(j.jid, "WHERE ARE YOU", id="loud")
        error = r.expect("<message type='error' id='loud'/>")
        if text(expect_error(error, "policy-violation"), "{%s}text" % NS.stanzas) != \
                "Please do not shout.":
            raise Failure(show(error))
        r.message(j.jid, "Where are you?", id="soft")
        j.expect("<message id='soft'/>")
        r.get(f"<query xmlns='{NS.disco_info}'/>", to="example.org")
        features = r.get(f"<query xmlns='{NS.disco_info}'/>", to="example.org")
        if not matches(features, f"<iq><query xmlns='{NS.disco_info}'><feature var='{NS_HELLO}'/>"
                                 "</query></iq>"):
            raise Failure(show(features))


@test("doc/modules.md: its settings, their defaults, and a reload", timeout=240)
def _():
    folder = installed().build()
    with server_with(folder, 'hello { greeting = "\u4f60\u597d" }') as server:
        r = server.account("romeo").login("orchard")
        if "\u4f60\u597d" not in text(r.get(HELLO, to="example.org"), "{%s}hello" % NS_HELLO):
            raise Failure("not what is configured")
        server.settings = server.settings.replace("\u4f60\u597d", "Ahoj")
        server.reload("reloaded")
        if "Ahoj" not in text(r.get(HELLO, to="example.org"), "{%s}hello" % NS_HELLO):
            raise Failure("not what is configured after the reload")


@test("doc/modules.md: what does not fit is refused, with the reason", timeout=240)
def _():
    folder = installed().build(flags="-DGODWIT_API_VERSION=999")
    expect_refusal(folder, "hello.*interface 999.*build it again")
    folder = installed().build(name="hallo.so")
    expect_refusal(folder, 'hallo.*calls itself .*hello', modules=["hallo"])
    os.unlink(os.path.join(folder, "hallo.so"))
    expect_refusal(folder, "no hello.so")
    with open(os.path.join(folder, "hello.so"), "wb") as file:
        file.write(b"no object at all")
    expect_refusal(folder, "hello: cannot be loaded")
    folder = installed().build()
    expect_refusal(folder, "hello.*greeting is empty", settings='hello { greeting = "" }')
    expect_refusal(folder, r":\d+: .*nonsense", settings="hello { nonsense = 1 }")
    expect_refusal(folder, "hello is named twice", modules=["hello", "hello"])
    expect_refusal(folder, "sections? of modules|hello", settings="hello { }", modules=["ping"])


@test("DESIGN: the executable exports exactly what module.h declares")
def _():
    wanted = subprocess.run([os.path.join(SOURCE, "server", "modules-list")], text=True,
                            capture_output=True, check=True).stdout
    with open(os.path.join(SOURCE, "server", "modules.list"), encoding="utf-8") as file:
        if file.read() != wanted:
            raise Failure("server/modules.list is not what server/modules-list prints")
    symbols = subprocess.run(["nm", "-D", "--defined-only", binary("godwit")], text=True,
                             capture_output=True, check=True).stdout
    exported = {line.split()[2] for line in symbols.splitlines() if line.split()[1] == "T"}
    declared = set(re.findall(r"^\t(\w+);", wanted, re.M))
    # A sanitizer exports functions of its own.
    more = set() if SANITIZED else exported - declared
    if more or declared - exported:
        raise Failure(f"exported: {sorted(more)}, missing: {sorted(declared - exported)}")


def clean():
    if hasattr(installed, "it"):
        shutil.rmtree(installed.it.root, ignore_errors=True)


main(server=False)
clean()
