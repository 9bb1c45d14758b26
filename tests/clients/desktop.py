"""desktop.py - programs with windows: a display that nobody looks at, a session bus, keys to press.

The bus starts no services: no keyring, no notifications, nothing of the machine's own desktop.
"""
import os
import subprocess

from lib.connection import Failure, Timeout
from lib.element import text
from lib.wait import wait_until
from process import TIMEOUT, Process

__all__ = ["Desktop"]

BUS = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path={path}</listen>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"""


class Desktop(Process):
    """A display and a session bus of its own, in which an account's client runs."""

    def __init__(self, account, program):
        super().__init__(account.server, f"{program}-{account.username}",
                         ("Xvfb", "dbus-daemon", "xdotool", "xclip", program))
        self.account = account
        self.program = program
        bus = self.path("bus")
        config = self.write("bus.conf", BUS.format(path=bus))
        self.spawn(self.unprivileged(["dbus-daemon", "--nofork", "--config-file", config]))
        self.display = self.start_display()
        self.desktop = self.environment(
            DISPLAY=self.display, DBUS_SESSION_BUS_ADDRESS=f"unix:path={bus}", NO_AT_BRIDGE="1",
            GTK_A11Y="none", GSETTINGS_BACKEND="memory", GIO_USE_VFS="local", GDK_BACKEND="x11",
            GSK_RENDERER="cairo")
        wait_until(lambda: os.path.exists(bus), "the session bus")

    def start_display(self):
        """Starts an X server on a number that it finds free; returns the display's name."""
        ours, its = os.pipe()
        self.spawn(["Xvfb", "-displayfd", str(its), "-screen", "0", "1280x900x24", "-nolisten", "tcp", "-ac"],
                   pass_fds=(its,))
        os.close(its)
        with os.fdopen(ours) as file:
            number = file.readline().strip()
        if not number:
            raise Failure("no display")
        return f":{number}"

    def start(self, *arguments, **environment):
        """Starts the program, by nobody: some refuse to be run by root."""
        self.process = self.spawn(self.unprivileged([self.program, *arguments]),
                                  environment={**self.desktop, **environment})

    def call(self, *command, check=True):
        """Runs another program on the desktop to its end; returns its output."""
        self.notes.append(f"{self.name} runs {command}")
        done = subprocess.run(self.unprivileged(command), env=self.desktop, capture_output=True,
                              timeout=TIMEOUT, text=True)
        if check and done.returncode != 0:
            raise Failure(f"{command} ended with {done.returncode}: {done.stderr}")
        return done.stdout

    def window(self, title):
        """Waits for a visible window whose title the regular expression is found in; its id."""
        found = self.wait_for(
            lambda: self.call("xdotool", "search", "--onlyvisible", "--name", title, check=False).split(),
            f"a window {title!r}")
        return found[0]

    def copy_text(self, text):
        """Puts text into the clipboard."""
        self.spawn(["xclip", "-quiet", "-selection", "clipboard", self.write("clipboard", text)],
                   environment=self.desktop)
        wait_until(lambda: self.call("xclip", "-selection", "clipboard", "-o", check=False) == text,
                   "the clipboard")

    def say(self, window, words, other):
        """Writes a message in a window whose chat is with `other`, a client of the harness, and
        sends it. A window that is still being drawn takes no keys: they are pressed until it does.
        """
        self.copy_text(words)

        def send():
            # There is no window manager to give a window the focus.
            self.call("xdotool", "windowfocus", "--sync", window,
                      "key", "--clearmodifiers", "ctrl+a", "ctrl+v", "Return")
            try:
                return [other.expect("<message><body/></message>", timeout=0.5)]
            except Timeout:
                return None

        message, = self.wait_for(send, "a message")
        if text(message, "{jabber:client}body") != words:
            raise Failure(f"{self.name} should have sent {words}")
        return message
