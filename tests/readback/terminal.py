"""A terminal of the tests: what a user sees, and what the binary writes to get there."""

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time

import pyte

from conftest import BINARY


class Terminal:
    """Runs the binary with standard error (and standard output, unless it goes elsewhere) on a terminal."""

    def __init__(self, *arguments, env, columns=80, rows=24, stdout=None, cwd=None):
        self.screen = pyte.Screen(columns, rows)
        self.stream = pyte.ByteStream(self.screen)
        self.written = b""
        self.master, slave = pty.openpty()
        self.resize(columns, rows)
        self.process = subprocess.Popen(
            [BINARY, *map(str, arguments)], stdin=slave, stdout=stdout or slave, stderr=slave, cwd=cwd, env={"TERM": "xterm-256color", **env},
            start_new_session=True, preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(slave)

    def resize(self, columns, rows):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.screen.resize(rows, columns)

    def press_ctrl_c(self):
        os.write(self.master, b"\x03")

    def read(self, seconds):
        """Reads what comes for that long; whether there may be more."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if not select.select([self.master], [], [], left)[0]:
                break
            try:
                piece = os.read(self.master, 65536)
            except OSError:  # so Linux says that the other side is closed
                return False
            if not piece:
                return False
            self.written += piece
            self.stream.feed(piece)
        return True

    def wait_for(self, text, seconds=60):
        """Reads until the text is on the screen."""
        end = time.monotonic() + seconds
        while text not in self.shown():
            assert time.monotonic() < end and (self.read(0.1) or text in self.shown()), f"no {text!r} on\n{self.shown()}"

    def finish(self, seconds=120):
        """Reads until the binary has ended; its exit code."""
        end = time.monotonic() + seconds
        while self.read(0.2):
            assert time.monotonic() < end, f"still running:\n{self.shown()}"
        return self.process.wait(10)

    def shown(self):
        return "\n".join(line.rstrip() for line in self.screen.display).rstrip()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
        os.close(self.master)
