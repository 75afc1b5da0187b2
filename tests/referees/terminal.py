"""A program at a pseudo-terminal: what it shows is waited for, what is asked for is typed."""

import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import time

from world import need, start, stop


class Terminal:
    """A program whose terminal this is, 120 columns wide."""

    def __init__(self, command, env, cwd=None):
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))

        def take():
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        self.process = start(
            command, env=env, cwd=cwd, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True, preexec_fn=take
        )
        self.name = os.ttyname(theirs)
        os.close(theirs)
        self.ours, self.shown, self.seen = ours, "", 0

    def _read(self, patience):
        """False once nobody is left at the other end."""
        if not select.select([self.ours], [], [], patience)[0]:
            return True
        try:
            data = os.read(self.ours, 65536)
        except OSError:
            return False
        self.shown += data.decode(errors="replace")
        return bool(data)

    def expect(self, text, patience=60):
        """Waits until `text` is shown after what was waited for before. Only changed cells are sent, so a text can
        arrive in pieces: after a while a change of size makes the console draw everything again."""
        until = time.monotonic() + patience
        redraw = time.monotonic() + 5
        while text not in self.shown[self.seen:]:
            alive = self._read(0.1)
            if time.monotonic() > redraw:
                self.size(40, 119)
                self.drain(0.3)
                self.size(40, 120)
                redraw = time.monotonic() + 5
            need(alive and time.monotonic() < until, f"the terminal does not show {text!r}: {self.shown[-900:]!r}")
        self.seen = self.shown.index(text, self.seen) + len(text)

    def size(self, rows, columns):
        """Gives the terminal another size."""
        fcntl.ioctl(self.ours, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def send(self, data):
        """Sends bytes as they are, and reads meanwhile: a program whose output nobody takes reads nothing either. One
        that has gone takes none; one that is stuck is found out by `taken_in`."""
        until = time.monotonic() + 30
        os.set_blocking(self.ours, False)
        try:
            while data and time.monotonic() < until:
                try:
                    data = data[os.write(self.ours, data):]
                except BlockingIOError:
                    if not self.drain(0.01):
                        return
        except OSError:
            pass
        finally:
            os.set_blocking(self.ours, True)

    def drain(self, patience):
        """Reads what is shown until `patience` seconds bring nothing more; False once nobody is there."""
        while select.select([self.ours], [], [], patience)[0]:
            if not self._read(0):
                return False
            patience = 0
        return True

    def taken_in(self, patience=30):
        """Reads until everything that was sent has been read there; False once nobody is there, None where nobody reads."""
        until = time.monotonic() + patience
        while time.monotonic() < until:
            if not self.drain(0.002):
                return False
            # Opened only for this look: one that stayed open would keep the terminal alive.
            theirs = os.open(self.name, os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK)
            try:
                waiting = struct.unpack("i", fcntl.ioctl(theirs, termios.FIONREAD, bytes(4)))[0]
            finally:
                os.close(theirs)
            if not waiting:
                return True
        return None

    def echoes(self):
        """True while the terminal shows what is typed."""
        return bool(termios.tcgetattr(self.ours)[3] & termios.ECHO)

    def type(self, line):
        os.write(self.ours, line.encode() + b"\r")

    def end(self, patience=90):
        """Exit code once it has ended."""
        until = time.monotonic() + patience
        while self._read(0.1) and time.monotonic() < until:
            pass
        try:
            self.process.wait(max(1.0, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            stop(self.process)
            return -1
        finally:
            os.close(self.ours)
        stop(self.process)
        return self.process.returncode


def answer(terminal, *dialogue, patience=60):
    """Waits for each prompt and types at once the line that belongs to it; `shown_at` has the prompts
    at which the terminal would have shown it."""
    terminal.shown_at = []
    for prompt, line in dialogue:
        terminal.expect(prompt, patience)
        if terminal.echoes():
            terminal.shown_at.append(prompt)
        terminal.type(line)
    return terminal.end()
