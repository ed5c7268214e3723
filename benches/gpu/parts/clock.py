"""Time limits: of a step, and of the whole run."""

import os
import signal
import subprocess
import time


class TooLong(Exception):
    """A limit was reached."""


class Clock:
    """Counts down the seconds of a step, or of the run, whichever end first."""

    def __init__(self, seconds, whole=None):
        self.end = time.monotonic() + seconds
        if whole:
            self.end = min(self.end, whole.end)

    def left(self):
        return self.end - time.monotonic()


def run(command, clock, most=None, **options):
    """Output, errors, exit code and seconds of a program, which is killed with its children at the end of the time; the code is None then."""
    limit = min(clock.left(), most or clock.left())
    if limit < 1:
        raise TooLong("no time left")
    started = time.monotonic()
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "errors": "replace"}
    process = subprocess.Popen(list(map(str, command)), start_new_session=True, **pipes, **options)
    try:
        out, err = process.communicate(timeout=limit)
        code = process.returncode
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        out, err = process.communicate()
        code = None
    except BaseException:
        os.killpg(process.pid, signal.SIGKILL)
        raise
    return out, err, code, time.monotonic() - started


def last_line(text):
    """What a program said last, for a note."""
    lines = [line.strip() for line in text.strip().splitlines() if line.strip()]
    return lines[-1][:200] if lines else ""
