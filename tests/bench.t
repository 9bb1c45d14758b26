#!/usr/bin/python3
"""bench.t - the tools of bench/ work: each is run for a moment. What they measure is not looked at, for a
test machine is busy with other tests."""
import os
import pty
import re
import shutil
import subprocess
import sys
import tempfile
from xml.etree import ElementTree

TOP = os.environ.get("top_srcdir") or os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.path.abspath(os.environ.get("top_builddir") or os.path.join(TOP, "build", "plain"))
sys.path[:0] = [os.path.join(TOP, "tests"), os.path.join(TOP, "bench")]

import lab  # noqa: E402
from lib import SANITIZED, Failure, Server, Skip, main, test  # noqa: E402

TIMEOUT = 240
SCENARIOS = ("login", "idle", "chat", "presence", "offline", "storm")


def tool(name):
    """A program of the build, or a script of the source."""
    made = os.path.join(BUILD, "bench", name)
    return made if os.path.exists(made) else os.path.join(TOP, "bench", name)


def built():
    """`make bench`, which nothing else makes."""
    lab.make(BUILD)


def run(name, *arguments, expected=0):
    """What a tool prints."""
    done = subprocess.run([tool(name), *arguments], capture_output=True, text=True, check=False)
    if done.returncode != expected:
        raise Failure(f"{name} {' '.join(arguments)} ended with {done.returncode}:\n"
                      f"{done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def check(output, *patterns):
    for pattern in patterns:
        if not re.search(pattern, output, re.MULTILINE):
            raise Failure(f"no {pattern!r} in:\n{output}")


def check_help(name):
    check(run(name, "--help"), "^usage: ", "--help")
    check(run(name, "--no-such-option", expected=2), "^usage: ")


def micro_built():
    built()
    if not os.path.exists(os.path.join(BUILD, "bench", "micro")):
        raise Skip("no cmocka, no bench/micro")


@test("bench/load explains itself", timeout=TIMEOUT)
def _():
    built()
    check_help("load")
    check(run("load", "--sessions", "none", expected=2), "--sessions takes a number")
    check(run("load", "sleep", expected=2), "no scenario sleep")


@test("bench/run measures every scenario", timeout=TIMEOUT)
def _():
    check_help("run")
    output = run("run", "--build", BUILD, "--sessions", "6", "--contacts", "3", "--secs", "0.2",
                 "--load=--messages=2", *SCENARIOS)
    # Scenario, sessions, operation, count, a second, server us each, ...
    number = r"[\d.]+"
    check(output, rf"^login +6 login +6 +{number} +{number} ", r"^idle +6 .*MB resident",
          rf"^chat, 1 each +6 message +\d+ +{number} +{number} ", r"^chat, 8 each ", r"^chat, 500/s ",
          r"^presence +10 delivery +\d+ ", r"^offline +10 stored +200 ", r"^offline +100 fetched +200 ",
          r"^storm 1 +6 disconnect +6 ", r"^storm 2 +6 login +6 ")


@test("bench/scale measures sizes, and judges them", timeout=TIMEOUT)
def _():
    check_help("scale")
    output = run("scale", "--build", BUILD, "--sizes", "4,6", "--secs", "0.2", "--rounds", "1", "--database",
                 "sqlite")
    number = r"[\d.]+"
    check(output, r"^sessions +4 +6$", rf"^us/message +{number} +{number}$", r"^refused +0\.00 +0\.00$",
          rf"^message beside the floor +{number} +goal +1\.300 +(met|NOT MET)$")
    check(run("scale", "--build", BUILD, "--sizes", "100000000", expected=1), "raise the limit")


@test("bench/curves measures, judges and draws", timeout=TIMEOUT)
def _():
    check_help("curves")
    with tempfile.TemporaryDirectory() as directory:
        output = run("curves", "--build", BUILD, "--small", "--secs", "0.2", "--rounds", "1", "--database",
                     "sqlite", "--out", directory, "presence")
        check(output, r"^presence +us a delivery +1: [\d.]+ +10: [\d.]+ +100: [\d.]+ +1000: [\d.]+ +(linear|WORSE)")
        with open(os.path.join(directory, "curves.csv"), encoding="utf-8") as file:
            check(file.read(), r"\Acurve,cost,size,number\npresence,us a delivery,1,[\d.]+\n")
        tree = ElementTree.parse(os.path.join(directory, "curve-presence-1.svg"))
        if len(tree.findall(".//{*}circle")) != 4:
            raise Failure("four points make four circles")


@test("bench/neighbours measures beside each nuisance", timeout=TIMEOUT)
def _():
    check_help("neighbours")
    output = run("neighbours", "--build", BUILD, "--secs", "0.3", "--rounds", "1", "--contacts", "5",
                 "--database", "sqlite")
    for name in ("flood", "deaf", "flap"):
        check(output, rf"^{name} +p50 +[\d.]+ -> +[\d.]+ ms .* (met|NOT MET) ")


@test("bench/groups measures a group for everybody, and one that is online", timeout=TIMEOUT)
def _():
    check_help("groups")
    output = run("groups", "--build", BUILD, "--secs", "0.3", "--users", "103", "--members", "5", "--database",
                 "sqlite")
    check(output, r"^103 accounts, ", r"^  a member logs in, and out +\d+ times, p50 +[\d.]+ ms", r"^5 members, ",
          r"^  somebody joins, and leaves .* chat p50 +[\d.]+ ms")


@test("bench/link measures links of all servers that are installed, and loses nothing", timeout=TIMEOUT)
def _():
    check_help("link")
    check(run("link", "sleep", expected=2), "no server sleep")
    output = run("link", "--build", BUILD, "--secs", "0.2", "--rounds", "1", "--links", "3", "--window", "5")
    number = r"[\d.]+"
    check(output, r"^\|  \| godwit \|", rf"^\| in: server CPU, us a message \| {number} \|",
          rf"^\| out: messages/s \| {number} \|", rf"^\| round trip: p99, us \| {number} \|",
          r"^\| messages lost \| 0 \|")


@test("bench/link says when something is wrong", timeout=TIMEOUT)
def _():
    built()
    output = run("load", "--far-certificate", "/nowhere", "--far-key", "/nowhere", "link", expected=1)
    check(output, "no certificate with its key in /nowhere")


@test("bench/workers compares numbers of workers", timeout=TIMEOUT)
def _():
    check_help("workers")
    output = run("workers", "--build", BUILD, "--sessions", "4", "--secs", "0.2", "--rounds", "1",
                 "--workers", "1,2", "--database", "sqlite")
    check(output, r"^chat, 1 each +1 worker\(s\) ", r"^chat, 8 each +2 worker\(s\) .*(met|NOT MET)$")


@test("bench/load shows on a terminal how far it is", timeout=TIMEOUT)
def _():
    built()
    with Server(workers=1, domains=(lab.DOMAIN,), limits=lab.NO_LIMITS) as server:
        server.account("u")
        theirs, ours = pty.openpty()
        with open(theirs, "rb", buffering=0) as terminal:
            subprocess.run([tool("load"), "--port", str(server.ports["c2s"]), "--sessions", "1", "idle",
                            "--secs", "0.3"], stderr=ours, stdout=subprocess.DEVNULL, check=False)
            os.close(ours)
            check(terminal.read(4096).decode(), r"waiting|logged in")


@test("bench/load tells who could not log in", timeout=TIMEOUT)
def _():
    built()
    with Server(workers=1, domains=(lab.DOMAIN,), limits=lab.NO_LIMITS) as server:
        output = run("load", "--domain", lab.DOMAIN, "--port", str(server.ports["c2s"]), "--sessions", "2",
                     "login", expected=1)
    check(output, "u0: login refused", "2 of 2 could not log in")


@test("bench/micro measures every case", timeout=TIMEOUT)
def _():
    micro_built()
    check_help("micro")
    names = run("micro", "--list").splitlines()
    lines = run("micro", "--secs", "0.01").splitlines()
    if len(names) < 20 or len(lines) != len(names):
        raise Failure(f"{len(names)} cases, {len(lines)} lines")
    for name, line in zip(names, lines):
        check(line, rf"^{re.escape(name)} +\d+\.\d ns$")
    check(run("micro", "--secs", "0.01", "readdress"), r"\A[^\n]*readdress[^\n]*\n\Z")


if not SANITIZED:  # valgrind and sanitizers do not go together
    @test("bench/instructions counts those of a login and a message", timeout=TIMEOUT)
    def _():
        if shutil.which("valgrind") is None:
            raise Skip("no valgrind")
        check_help("instructions")
        output = run("instructions", "--build", BUILD, "--logins", "2", "--messages", "10")
        check(output, r"^godwit +[1-9][\d,]+ .* [1-9][\d,]+ ", r"^all +[1-9][\d,]+ ")


main(server=False)
