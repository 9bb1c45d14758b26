#!/usr/bin/python3
"""documents.t - what we tell people is true: manuals, the explained configuration, completion and
the systemd unit are held against the programs. Prints TAP."""

import atexit
import os
import re
import shutil
import subprocess
import tempfile

from lib.checks import TOP, run_checks, text_of
from lib.tap import Skip

BUILD = os.environ.get("top_builddir") or os.path.join(TOP, "build", "plain")
SCRATCH = tempfile.mkdtemp(prefix="godwit-documents-")
atexit.register(shutil.rmtree, SCRATCH)
# Defaults that configure decides: documents say what they are with the recommended prefixes.
PATHS = {"database": "sqlite:/var/lib/godwit/godwit.sqlite", "schema": "/usr/share/godwit/schema",
         "module_path": "/usr/lib/godwit", "control": "/var/run/godwit/control"}


def run(*command, check=True):
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    if check and done.returncode != 0:
        raise RuntimeError("%s: %s%s" % (" ".join(command), done.stdout, done.stderr))
    return done


def program(name, *arguments, check=True):
    return run(os.path.join(BUILD, name), *arguments, check=check)


def certificate():
    """Paths of a certificate and its key, made on first use."""
    pair = os.path.join(SCRATCH, "crt"), os.path.join(SCRATCH, "key")
    if not os.path.exists(pair[0]):
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
            "-nodes", "-days", "90", "-subj", "/CN=test", "-addext",
            "subjectAltName=DNS:example.org", "-keyout", pair[1], "-out", pair[0])
    return pair


def shipped(text):
    """The text of etc/godwit.conf as a file that this build can use."""
    crt, key = certificate()
    text = text.replace("/etc/godwit/example.org.crt", crt)
    text = text.replace("/etc/godwit/example.org.key", key)
    text = re.sub(r"(?m)^module_path = .*$", "", text)
    path = os.path.join(SCRATCH, "godwit.conf")
    with open(path, "w", encoding="utf-8") as file:
        file.write(text + '\nmodule_path = "%s/modules/.libs"\n' % os.path.abspath(BUILD))
    return path


def keys():
    """(section, key, type, default, bounds) of each key there is, with all modules loaded."""
    lines = program("godwit", "--config", shipped(text_of("etc/godwit.conf")), "--keys").stdout
    found = [line.split("\t")[:5] for line in lines.splitlines()]
    for row in found:
        if row[0] == "root":
            row[3] = PATHS.get(row[1], row[3])
    return found


def sections_of_manual():
    """Section to its text, of godwit.conf(5)."""
    parts = re.split(r"(?m)^\.Ss (.*)$", text_of("doc/godwit.conf.5"))
    names = ["root" if name == "Top of the file" else name.split()[1].rstrip(",")
             for name in parts[1::2]if name != "Sections of modules"]
    texts = [text for name, text in zip(parts[1::2], parts[2::2]) if name != "Sections of modules"]
    return dict(zip(names, texts))


def missing_in_manual():
    sections = sections_of_manual()
    for section, key, kind, default, _ in keys():
        name = {"listen": "listen"}.get(section, section)
        found = re.search(r"(?ms)^\.It Cm %s$(.*?)(^\.It|^\.El)" % key, sections.get(name, ""))
        if found is None:
            yield "doc/godwit.conf.5: section %s has no %s" % (section, key)
            continue
        wanted = default if kind in ("number", "truth", "list") else '\\(dq%s\\(dq' % default
        wanted = "empty" if default == "" else wanted
        if "Default: " + wanted not in found.group(1):
            yield "doc/godwit.conf.5: %s %s: the default is %s" % (section, key, wanted)


def superfluous_in_manual():
    known = {(section, key) for section, key, *_ in keys()}
    for section, text in sections_of_manual().items():
        for key in re.findall(r"(?m)^\.It Cm (\w+)$", text):
            if (section, key) not in known:
                yield "doc/godwit.conf.5: there is no %s in section %s" % (key, section)


def shipped_settings():
    """(section, key) to the value that a line of etc/godwit.conf has, set or not."""
    found, section = {}, "root"
    for line in text_of("etc/godwit.conf").splitlines():
        opened = re.match(r"#?(\w+)( [\w\".-]+)? \{$", line)
        if opened:
            section = opened.group(1)
        elif re.match(r"#?\}$", line):
            section = "root"
        setting = re.match(r"\t?#?\t?(\w+) = (.*)$", line)
        if setting:
            found.setdefault((section, setting.group(1)), setting.group(2))
    return found


def missing_in_configuration():
    found = shipped_settings()
    for section, key, kind, default, _ in keys():
        value = found.get((section, key))
        if kind in ("text", "word"):
            default = '"%s"' % default
        elif kind == "list":
            default = "{ %s }" % ", ".join(default.split()) if default else "{}"
        if section != "domain" and (section, key) != ("component", "secret") and value != default:
            yield "etc/godwit.conf: %s %s is %s, the default is %s" % (section, key, value, default)


def wrong_shipped_configuration(text):
    done = program("godwit", "--config", shipped(text), "--check", check=False)
    if done.returncode != 0 or done.stderr:
        yield done.stderr.strip()


def uncommented():
    """With every setting taken at its word."""
    return re.sub(r"(?m)^(\t?)#(?=[\w\t}])", r"\1", text_of("etc/godwit.conf"))


def commands():
    """What godwitctl can do: ("user add", ...), and its options."""
    text = program("godwitctl", "--help").stdout
    return (re.findall(r"(?m)^  ([a-z]+(?: [a-z]+)?)(?= [A-Z\[]|  )", text),
            re.findall(r"(?m)^  (--[\w-]+)", text))


def completed(*words):
    """What the completion offers behind these words."""
    script = ('. "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _godwitctl;'
              ' printf "%s\\n" "${COMPREPLY[@]}"')
    path = os.path.join(TOP, "etc", "godwitctl.bash-completion")
    return run("bash", "-c", script, "bash", path, "godwitctl", *words).stdout.split()


def wrong_completion():
    wanted, options = commands()
    if len(wanted) < 10 or len(options) < 3:
        yield "godwitctl --help: cannot be understood"
    first = sorted({command.split()[0] for command in wanted})
    if sorted(completed("")) != first:
        yield "offers %s instead of %s" % (completed(""), first)
    for noun in {command.split()[0] for command in wanted if " " in command}:
        verbs = sorted(command.split()[1] for command in wanted if command.startswith(noun + " "))
        if sorted(completed("--config", "x", "--json", noun, "")) != verbs:
            yield "offers %s behind %s" % (completed(noun, ""), noun)
    if sorted(completed("--")) != sorted(options):
        yield "offers %s as options" % completed("--")
    if completed("user", "d") != ["delete", "disable"] or completed("status", ""):
        yield "does not heed what was typed"


def missing_in_manuals():
    wanted, options = commands()
    tool, server = text_of("doc/godwitctl.1"), text_of("doc/godwit.8")
    for command in wanted:
        if not re.search(r"(?m)^\.It Cm %s\b" % command, tool):
            yield "doc/godwitctl.1: no " + command
    for option in options:
        if "Fl " + option[1:] not in tool:
            yield "doc/godwitctl.1: no " + option
    for option in re.findall(r"(?m)^  (--[\w-]+)", program("godwit", "--help").stdout):
        if "Fl " + option[1:] not in server:
            yield "doc/godwit.8: no " + option


def wrong_manuals():
    if shutil.which("mandoc") is None:
        raise Skip("no mandoc")
    for name in ("godwit.8", "godwitctl.1", "godwit.conf.5"):
        yield from run("mandoc", "-Tlint", "-W", "warning", os.path.join(TOP, "doc", name),
                       check=False).stdout.splitlines()


def missing_in_guide():
    guide = text_of("doc/admin.md")
    for section, key, *_ in keys():
        if section == "limits" and "`%s`" % key not in guide:
            yield "doc/admin.md: limit %s is not explained" % key


def wrong_copying():
    """Moving to another database copies every table but what each database has of its own: the log of
    changes, who is there, messages to be sent, and settings and domains, of which only
    a part is copied."""
    made = set()
    for name in sorted(os.listdir(os.path.join(TOP, "schema"))):
        if name.endswith(".sqlite.sql"):
            made |= set(re.findall(r"(?m)^CREATE TABLE (\w+)", text_of("schema/" + name)))
    own = {"schema_version", "server_transaction", "changes", "change_readers", "sessions", "links",
           "outbox", "outbox_receivers", "settings", "settings_history",
           "domains"}
    found = re.search(r"for table in ([\w\s\\]+); do", text_of("doc/admin.md"))
    copied = set(found.group(1).replace("\\", " ").split()) if found else set()
    for table in sorted(copied ^ (made - own)):
        yield "doc/admin.md: table %s is %s" % (table, "unknown" if table in copied else "forgotten")


def exposed():
    if shutil.which("systemd-analyze") is None:
        raise Skip("no systemd-analyze")
    unit = os.path.join(SCRATCH, "godwit.service")
    with open(unit, "w", encoding="utf-8") as file:
        file.write(re.sub(r"@\w+@", "/usr", text_of("etc/godwit.service.in")))
    done = run("systemd-analyze", "security", "--offline=true", "--no-pager", unit, check=False)
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)
    if found is None:
        raise Skip("systemd-analyze cannot look at files")
    if float(found.group(1)) > 2.0:
        yield "exposure is " + found.group(1)


CHECKS = [
    ("godwit.conf(5) names each key with its default", missing_in_manual),
    ("godwit.conf(5) names no other", superfluous_in_manual),
    ("etc/godwit.conf explains each key with its default", missing_in_configuration),
    ("etc/godwit.conf passes the check",
     lambda: wrong_shipped_configuration(text_of("etc/godwit.conf"))),
    ("etc/godwit.conf passes it with everything set",
     lambda: wrong_shipped_configuration(uncommented())),
    ("the completion knows every command and option", wrong_completion),
    ("the manuals know every command and option", missing_in_manuals),
    ("the manuals are well-formed", wrong_manuals),
    ("doc/admin.md explains every limit", missing_in_guide),
    ("doc/admin.md copies every table to another database", wrong_copying),
    ("the systemd unit exposes at most 2.0", exposed),
]

run_checks(CHECKS)
