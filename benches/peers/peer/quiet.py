"""How much of the machine others use: a timing on a busy machine is of the others, too.

PyTorch's threads wait for one another after each operation, so that one which is held up holds up all: a busy machine slows it far
more than it slows `ablate`, and a ratio that was measured there flatters.
"""

import os
import time


def busy_s():
    """Seconds that the processors were busy since the machine was started, all of them together."""
    with open("/proc/stat") as file:
        user, nice, system, _idle, _iowait, irq, softirq, steal, *_ = map(int, file.readline().split()[1:])
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def own_s():
    """Seconds of this process and of those of its children that have ended."""
    user, system, child_user, child_system, _ = os.times()
    return user + system + child_user + child_system


class Watch:
    """The share of all processors that others used since it was made, 0 to 1."""

    def __init__(self):
        self.start = time.monotonic(), busy_s(), own_s()

    def others(self):
        passed, busy, own = (now - then for now, then in zip((time.monotonic(), busy_s(), own_s()), self.start))
        return max(0.0, busy - own) / (passed * os.cpu_count())


def wait(most, patience_s=600):
    """Waits, but not for ever, until others use less than a share of the processors for two seconds."""
    deadline = time.monotonic() + patience_s
    while most < 1 and time.monotonic() < deadline:
        watch = Watch()
        time.sleep(2)
        if watch.others() <= most:
            return
