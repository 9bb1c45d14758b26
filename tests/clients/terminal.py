"""terminal.py - programs in a terminal: tmux draws it, so what is on the screen is what a user sees."""
import os
import re
import subprocess

from lib.connection import Failure
from lib.wait import wait_until
from process import TIMEOUT, Process

__all__ = ["Terminal"]

COLUMNS, LINES = 180, 50


class Terminal(Process):
    """A tmux of its own with one window, in which an account's client runs."""

    def __init__(self, account, program):
        super().__init__(account.server, f"{program}-{account.username}", ("tmux", program))
        self.account = account
        self.socket = self.path("tmux")

    def start(self, command, **environment):
        """Runs a program (a list of words) in the terminal."""
        config = self.write("tmux.conf", "set -g status off\nset -g default-terminal screen-256color\n"
                                         "set -s escape-time 0\nset -g remain-on-exit on\n")
        self.process = self.spawn(["tmux", "-u", "-D", "-S", self.socket, "-f", config],
                                  environment=self.environment(**environment))
        wait_until(lambda: os.path.exists(self.socket), "the terminal")
        self.tmux("new-session", "-d", "-x", str(COLUMNS), "-y", str(LINES), *command)

    def tmux(self, *arguments):
        done = subprocess.run(["tmux", "-u", "-S", self.socket, *arguments], capture_output=True,
                              env=self.environment(), timeout=TIMEOUT)
        if done.returncode != 0:
            raise Failure(f"tmux {arguments}: {done.stderr.decode()}")
        return done.stdout.decode("utf-8", "replace")

    def screen(self):
        return self.tmux("capture-pane", "-p")

    def type(self, text):
        """Types text, and Enter once the text is on the screen; waits until that has been taken.

        Programs take what comes in one piece for a paste: a command's first character opens their
        line for commands, and Enter in a paste is a line end, not a command.
        """
        self.notes.append(f"{self.name} types {text}")
        for keys, shown in ((text[0], text[0]), (text[1:], text)):
            self.tmux("send-keys", "-l", keys)
            self.wait_for(lambda: self.input().endswith(shown), f"{shown!r} at the cursor")
        self.tmux("send-keys", "Enter")
        self.wait_for(lambda: not self.input().endswith(text), f"Enter behind {text!r}")

    def input(self):
        """The line that the cursor stands on."""
        row = self.tmux("display-message", "-p", "#{cursor_y}").strip()
        return self.tmux("capture-pane", "-p", "-S", row, "-E", row).rstrip()

    def see(self, pattern):
        """Waits until the regular expression is found on the screen."""
        return self.wait_for(lambda: re.search(pattern, self.screen()), f"{pattern!r} on the screen")

    def check_running(self):
        """The terminal stays when the program ends."""
        super().check_running()
        if self.tmux("list-panes", "-F", "#{pane_dead}").strip() != "0":
            raise Failure(f"{self.name} has ended")

    @property
    def transcript(self):
        try:
            return super().transcript + [line for line in self.screen().splitlines() if line.strip()]
        except (Failure, OSError, subprocess.SubprocessError) as error:
            return super().transcript + [str(error)]
