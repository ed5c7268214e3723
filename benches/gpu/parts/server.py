"""The PyTorch process as `run.py` speaks with it."""

import json
import os
import queue
import signal
import subprocess
import sys
import threading

from .clock import TooLong, last_line


class Server:
    def __init__(self, ablate, device, environment, log, folder):
        self.start = [sys.executable, "-W", "ignore", "-m", "parts.theirs", str(ablate), device], environment, log, folder
        self.process = None

    def begin(self):
        command, environment, log, folder = self.start
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": open(log, "a"), "text": True, "bufsize": 1}
        self.process = subprocess.Popen(command, env=environment, cwd=folder, start_new_session=True, **pipes)
        self.answers = queue.Queue()
        threading.Thread(target=self.listen, args=(self.process, self.answers), daemon=True).start()

    @staticmethod
    def listen(process, answers):
        for line in process.stdout:
            answers.put(line)
        answers.put(None)

    def ask(self, clock, **request):
        """The answer; its key `failed` says what went wrong. A process that takes too long is ended; the next question starts another."""
        if not self.process:
            self.begin()
        if clock.left() < 1:
            raise TooLong("no time left")
        try:
            print(json.dumps(request), file=self.process.stdin, flush=True)
            line = self.answers.get(timeout=clock.left())
        except queue.Empty:
            self.end()
            raise TooLong("PyTorch reached the step's time limit") from None
        except BrokenPipeError:
            line = None
        if line is None:
            self.end()
            with open(self.start[2]) as log:
                return {"failed": f"PyTorch's process ended: {last_line(log.read())}"}
        return json.loads(line)

    def end(self):
        if self.process:
            try:
                os.killpg(self.process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            self.process.wait()
            self.process = None
