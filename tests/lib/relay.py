"""relay.py - a TCP relay between two servers that cuts connections when a test says so, or after so many
bytes: by turns with all that is under way, and behind what it has passed on."""
import select
import socket
import struct
import threading

RESET = struct.pack("ii", 1, 0)


class Relay:
    """Listens on a port of its own, and passes on to `port`. Use as a context.

    `cut_after`: a function that tells, for each connection, after how many bytes of both directions it is
    cut; in the midst of anything. None: never."""

    def __init__(self, port, cut_after=None):
        self.target = port
        self.cut_after = cut_after
        self.cuts = 0
        self.is_open = True
        self.pairs = []
        self.lock = threading.Lock()
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = self.listening.getsockname()[1]

    def __enter__(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.is_open = False
        self.listening.shutdown(socket.SHUT_RDWR)
        self.cut()
        self.listening.close()

    def cut(self):
        """Cuts all there are, without a word."""
        with self.lock:
            for pair in self.pairs:
                self._reset(pair)

    @staticmethod
    def _reset(pair):
        for end in pair:
            try:
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def _accept(self):
        while self.is_open:
            try:
                caller = self.listening.accept()[0]
            except OSError:
                return
            threading.Thread(target=self._carry, args=(caller,), daemon=True).start()

    def _carry(self, caller):
        try:
            called = socket.create_connection(("127.0.0.1", self.target))
        except OSError:
            caller.close()
            return
        pair = (caller, called)
        with self.lock:
            self.pairs.append(pair)
        try:
            self._pass(caller, called, self.cut_after() if self.cut_after else None)
        except OSError:
            pass
        if self.cuts % 2:
            self._let_arrive(pair)
        with self.lock:
            self.pairs.remove(pair)
            for end in pair:
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                end.close()

    @staticmethod
    def _let_arrive(pair):
        """What was passed on arrives; what comes from now on does not."""
        for end in pair:
            end.shutdown(socket.SHUT_WR)
        for end in pair:
            end.settimeout(5)
            try:
                while end.recv(65536):
                    pass
            except OSError:
                pass

    def _pass(self, caller, called, left):
        other = {caller: called, called: caller}
        while True:
            for end in select.select(list(other), [], [])[0]:
                data = end.recv(65536 if left is None else min(65536, left))
                if not data:
                    return
                other[end].sendall(data)
                if left is not None:
                    left -= len(data)
                    if left <= 0:
                        self.cuts += 1
                        return
