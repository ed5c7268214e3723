"""`ablate` as it is asked to time something. What this build does not know is told apart by its help."""

import functools
import json
import re
import statistics
import subprocess

from . import clock


class NotInThisBuild(Exception):
    """An option that this build of `ablate` lacks."""


class Ablate:
    def __init__(self, binary, device, environment):
        self.binary, self.device, self.environment = binary, device, environment

    @functools.cached_property
    def help(self):
        done = subprocess.run([self.binary, "latency", "--help"], capture_output=True, text=True, env=self.environment)
        if done.returncode:
            raise RuntimeError(f"{self.binary} does not start: {clock.last_line(done.stderr)}")
        return done.stdout

    def option(self, name, value=None):
        """Command-line words of an option of `ablate latency`."""
        found = re.search(rf"^\s+(-\w, )?{name}\b.*?(?=^\s+(-\w, )?--|\Z)", self.help, re.MULTILINE | re.DOTALL)
        if not found:
            raise NotInThisBuild(f"this build of ablate has no {name}")
        if value is None:
            return [name]
        if not re.search(rf"\b{value}\b", found.group()):
            raise NotInThisBuild(f"this build of ablate has no {name} {value}")
        return [name, value]

    def words(self, setting):
        """Options for a setting: eager-f16, graph-f32, step-amp."""
        way, number = setting.split("-")
        if way == "step":
            if number == "amp":  # Mixed precision is the half format of a step.
                return ["--train-step", "--dtype", "f16"]
            return ["--train-step", *(self.option("--dtype", number) if number != "f32" else [])]
        mode = self.option("--mode", way) if way != "eager" or "--mode" in self.help else []
        # A build that has the word tf32 is strict in f32 by itself; an older one is by the environment that it sets.
        return [*mode, *self.option("--dtype", number)]

    def times(self, models, setting, batch, protocol, timer):
        """Median milliseconds by model, and why others have none; all models take turns in one process."""
        command = [self.binary, "latency", *models, "--format", "json", "--device", self.device, "--imgsz", protocol.imgsz, "--batch", batch]
        command += ["--warmup", protocol.warmup, "--budget", protocol.budget, "--within", "0", "--min-iterations", protocol.iterations]
        command += self.words(setting)
        out, err, code, _ = clock.run(command, timer, env=self.environment)
        if code is None:
            raise clock.TooLong("ablate reached the step's time limit")
        told = json.loads(out)["models"] if out.strip().startswith("{") else []
        way = setting.split("-")[0]
        times, failed = {}, {}
        for row in told:
            ran = row.get("mode") or way
            if way != "step" and ran != way:
                failed[row["model"]] = f"ran as {ran}"
            else:
                times[row["model"]] = statistics.median(row["samples_ms"])
        for model in models:
            if model not in times:
                said = [line for line in err.splitlines() if f"{model}:" in line]
                failed.setdefault(model, (said[-1].strip() if said else clock.last_line(err) or f"exit code {code}")[:200])
        return times, failed
