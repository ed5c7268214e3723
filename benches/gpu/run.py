#!/usr/bin/env python3
"""Runs `ablate` beside PyTorch on an NVIDIA GPU: golden tests, forward passes, training steps, a training, Vulkan. See README.md.

    tar xf gpu-pack.tar.xz && python3 gpu-pack/benches/gpu/run.py     # alone
    python3 benches/gpu/run.py --pack gpu-pack.tar.xz                 # in a checkout
    python3 benches/gpu/run.py --pack gpu-pack.tar.xz --steps forward --models yolov5n yolov5x --settings eager-f32 --rounds 3
"""

import argparse
import dataclasses
import json
import os
import pathlib
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tarfile
import time
import zipfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from parts import clock, figures, ours  # noqa: E402
from parts.figures import OURS, THEIRS, TUNED, Row  # noqa: E402
from parts.server import Server  # noqa: E402

# In the order in which they run, the most important first; and seconds at most.
STEPS = {"machine": 40, "golden": 60, "forward": 200, "step": 110, "bccd": 80, "profile": 30, "vulkan": 90}
VARIANTS = ("gsconv", "asff", "mobilenetv2", "fasternet", "ghost")
FORWARD = ["yolov5n", "yolov5x", "yolov8n", *(f"yolov5n+{variant}" for variant in VARIANTS), "yolov5x+fasternet", "yolov5x+ghost"]
# Setting and batch; a cut-off run has the first.
SETTINGS = [("eager-f32", 1), ("eager-f32", 16), ("graph-f32", 1), ("eager-f16", 1), ("eager-f16", 16)]
SETTINGS += [("eager-tf32", 1), ("eager-tf32", 16), ("graph-f32", 16), ("graph-f16", 1)]
STEP_MODELS = ["yolov5n", "yolov8n", "yolov5n+gsconv"]
STEP_SETTINGS = [("step-f32", 16), ("step-amp", 16), ("step-tf32", 16)]
PROFILED = [("yolov5x", "eager-f32", 1), ("yolov5n", "eager-f32", 16), ("yolov8n", "step-f32", 16)]
# There if this is the script of an unpacked pack.
UNPACKED = HERE.parents[1] / "pack.json"
# Tests of `it` that read the crate's sources, which don't travel.
WITHOUT = ["layers::"]
# Few kernels are tuned for these.
FEW = ["blocks::asff", "conv_training_step", "dynamic_conv", "equals_pytorch"]


@dataclasses.dataclass(frozen=True)
class Protocol:
    imgsz: int
    warmup: int
    budget: float
    iterations: int


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--pack", type=pathlib.Path, help="gpu-pack.tar.xz [default: the one that holds this script]")
    add("--work", type=pathlib.Path, default=pathlib.Path("gpu-work"), help="folder for what is unpacked [default: gpu-work]")
    add("--out", type=pathlib.Path, default=pathlib.Path("gpu-results"), help="folder of figures.csv and tables.txt [default: gpu-results]")
    add("--ablate", type=pathlib.Path, help="binary [default: of the pack]")
    add("--tests", type=pathlib.Path, nargs="*", help="test binaries [default: of the pack]")
    add("--steps", nargs="+", choices=STEPS, default=list(STEPS), metavar="STEP", help=f"{', '.join(STEPS)} [default: all]")
    add("--models", nargs="+", help="of the forward passes [default: ten]")
    add("--step-models", nargs="+", default=STEP_MODELS, help=f"of the training steps [default: {' '.join(STEP_MODELS)}]")
    add("--train-models", nargs="+", default=["yolov8n"], help="of the training on BCCD [default: yolov8n]")
    add("--settings", nargs="+", help="such as eager-f32, graph-f16, step-amp, train-f32 [default: all]")
    add("--batches", nargs="+", type=int, help="of the forward passes and training steps [default: 1 and 16; 16]")
    add("--imgsz", type=int, default=640)
    add("--rounds", type=int, default=3, help="turns of each side [default: 3]")
    add("--budget", type=float, default=0.25, help="seconds of timed work per model and turn [default: 0.25]")
    add("--warmup", type=int, default=5, help="iterations per turn that are not timed [default: 5]")
    add("--min-iterations", type=int, default=5, help="[default: 5]")
    add("--epochs", type=int, default=10, help="of the training on BCCD [default: 10]")
    add("--bccd", type=pathlib.Path, help="BCCD's data.yaml in YOLO's format [default: of the pack]")
    add("--workers", type=int, default=8, help="ultralytics' loading processes [default: 8]")
    add("--device", default="tch:cuda:0", help="of ablate [default: tch:cuda:0]; PyTorch takes the same GPU, or the CPU")
    add("--vulkan-device", default="vulkan", help="[default: vulkan]")
    add("--minutes", type=float, default=7.8, help="for all steps together [default: 7.8]")
    add("--limit", nargs="+", default=[], metavar="STEP=SECONDS", help=f"other limits than {' '.join(f'{k}={v}' for k, v in STEPS.items())}")
    args = parser.parse_args()
    if not args.pack and not args.ablate and not UNPACKED.exists():
        parser.error("--pack or --ablate is required")
    args.limits = STEPS | {step: float(seconds) for step, seconds in (limit.split("=") for limit in args.limit)}
    return args


class Run:
    """What the steps share."""

    def __init__(self, args):
        self.args, self.whole = args, clock.Clock(args.minutes * 60)
        self.figures = figures.Figures(args.out)
        self.work = args.work.resolve()
        self.work.mkdir(parents=True, exist_ok=True)
        self.packed = self.unpack() if args.pack else UNPACKED.parent if UNPACKED.exists() else None
        # Sources beside this script, or those of the pack.
        checkout = HERE.parents[1]
        self.sources = checkout if (checkout / "configs").is_dir() else self.packed
        self.ablate_path = (args.ablate or self.packed / "bin/ablate").resolve()
        # The quick ones first: the largest holds the most tests.
        binaries = sorted((self.packed / "bin").iterdir(), key=lambda path: path.stat().st_size) if self.packed else []
        tests = [path for path in binaries if path.name != "ablate"]
        self.tests = [path.resolve() for path in args.tests] if args.tests is not None else tests
        self.cuda = "cuda" in args.device
        self.their_device = f"cuda:{args.device.rpartition(':')[2]}" if self.cuda else "cpu"
        self.environment = self.make_environment()
        self.ablate = ours.Ablate(self.ablate_path, args.device, self.environment)
        self.protocol = Protocol(args.imgsz, args.warmup, args.budget, args.min_iterations)
        self.server = Server(self.ablate_path, self.their_device, self.environment, args.out.resolve() / "pytorch.log", HERE)

    def unpack(self):
        """The pack's folder; what an earlier run unpacked of the same pack is used again."""
        folder, stamp = self.work / "gpu-pack", self.work / "unpacked"
        state = self.args.pack.stat()
        mark = f"{state.st_size} {state.st_mtime_ns}"
        if not stamp.exists() or stamp.read_text() != mark:
            shutil.rmtree(folder, ignore_errors=True)
            started = time.monotonic()
            with tarfile.open(self.args.pack) as pack:
                pack.extractall(self.work, filter="tar")
            stamp.write_text(mark)
            print(f"unpacked in {time.monotonic() - started:.0f} s", flush=True)
        return folder

    def make_environment(self):
        """LibTorch is that of the installed PyTorch, and NVIDIA's libraries are those that came with it."""
        environment = dict(os.environ)
        # It would overrule what each setting asks for.
        environment.pop("NVIDIA_TF32_OVERRIDE", None)
        where = "import importlib.util as u; print(u.find_spec('torch').submodule_search_locations[0])"
        found = subprocess.run([sys.executable, "-c", where], capture_output=True, text=True)
        libraries = []
        if found.returncode == 0:
            torch = pathlib.Path(found.stdout.strip())
            libraries = [torch / "lib", *sorted((torch.parent / "nvidia").glob("*/lib"))]
        else:
            print("PyTorch is not installed here; ablate's steps only", file=sys.stderr)
        # A CPU build finds its own LibTorch by its run path, of another version perhaps.
        if self.cuda:
            old = environment.get("LD_LIBRARY_PATH")
            environment["LD_LIBRARY_PATH"] = ":".join([*map(str, libraries), *([old] if old else [])])
        path = [str(HERE), str(self.sources / "benches/peers")]
        wheels = sorted((self.packed / "wheels").glob("*.whl")) if self.packed and (self.packed / "wheels").is_dir() else []
        if wheels:
            site = self.work / "site"
            if not site.exists():
                for wheel in wheels:
                    zipfile.ZipFile(wheel).extractall(site)
            path.append(str(site))
        environment["PYTHONPATH"] = ":".join([*path, *filter(None, [environment.get("PYTHONPATH")])])
        environment |= {"YOLO_OFFLINE": "True", "WANDB_MODE": "disabled", "PYTHONDONTWRITEBYTECODE": "1"}
        environment.setdefault("XDG_RUNTIME_DIR", str(self.work))
        return environment

    def row(self, step, model, setting, side, value, unit, batch=0, imgsz=0, number=0, note=""):
        self.figures.add(Row(step, model, setting, batch, imgsz, side, number, value, unit, note))

    def say(self, words):
        print(f"[{self.args.minutes * 60 - self.whole.left():4.0f} s] {words}", flush=True)


def machine(run, timer):
    """GPU, driver and versions."""

    def fact(name, words):
        run.row("machine", name, "", "", None, "", note=str(words).strip())

    query = "name,driver_version,memory.total,clocks.max.sm,power.limit,utilization.gpu"
    try:
        told, *_ = clock.run(["nvidia-smi", f"--query-gpu={query}", "--format=csv,noheader"], timer, 15)
        fact("GPU (driver, memory, highest clock, power limit, load)", "; ".join(told.strip().splitlines()))
    except FileNotFoundError:
        fact("GPU", "no nvidia-smi")
    code = "import json, torch; b = torch.backends.cudnn; c = torch.cuda.is_available()"
    code += "; print(json.dumps([torch.__version__, torch.version.cuda, b.version(), torch.cuda.get_device_name() if c else None]))"
    out, err, status, _ = clock.run([sys.executable, "-W", "ignore", "-c", code], timer, 60, env=run.environment)
    if status == 0:
        for name, version in zip(("PyTorch", "its CUDA", "cuDNN", "PyTorch's GPU"), json.loads(out.splitlines()[-1])):
            fact(name, version)
    else:
        fact("PyTorch", clock.last_line(err))
    fact("Python", platform.python_version())
    try:
        models = [line for line in open("/proc/cpuinfo") if line.startswith("model name")]
        fact("CPU", f"{models[0].split(':')[1].strip() if models else platform.machine()}, {len(os.sched_getaffinity(0))} threads")
    except OSError:
        fact("CPU", platform.processor())
    out, err, status, seconds = clock.run([run.ablate_path, "--version"], timer, 30, env=run.environment)
    fact("ablate", f"{out.strip() or clock.last_line(err)}, {run.ablate_path.stat().st_size >> 20} MiB, starts in {seconds:.1f} s")
    if run.packed:
        told = json.loads((run.packed / "pack.json").read_text())
        fact("packed", f"{told['packed']} UTC, revision {told['revision']}")
    out, err, status, seconds = clock.run([run.ablate_path, "devices"], timer, 40, env=run.environment)
    fact("ablate devices", f"{seconds:.1f} s")
    for line in out.splitlines():
        if line.startswith("    ") and "not in this build" not in line:
            fact("", line)


def place_fixtures(run):
    """Tests look for their fixtures where their crate was when they were compiled; links lead from there to where they are."""
    manifests = json.loads((run.packed / "pack.json").read_text())["manifests"] if run.packed else {}
    for manifest in sorted({pathlib.Path(path) for path in manifests.values()}):
        there, inside = manifest / "tests/fixtures", pathlib.Path("crates") / manifest.name / "tests/fixtures"
        if there.exists():
            continue
        here = next((base / inside for base in (run.packed, run.sources) if (base / inside).is_dir()), None)
        if not here:
            raise RuntimeError("no fixtures: neither in the pack nor beside this script")
        try:
            there.parent.mkdir(parents=True, exist_ok=True)
            there.unlink(missing_ok=True)
            there.symlink_to(here)
        except OSError as error:
            raise RuntimeError(f"tests look for fixtures in {there}, which can't be made: {error.strerror}") from None


def run_tests(run, timer, step, device, filters=(), most=None):
    """Each binary's tests; rows of what passed and what failed."""
    place_fixtures(run)
    environment = {**run.environment, "ABLATE_TEST_DEVICE": device, "MALLOC_ARENA_MAX": "1", "GOMP_SPINCOUNT": "3000"}
    if not run.tests:
        raise RuntimeError("no test binaries")
    for test in run.tests:
        name = re.sub(r"-[0-9a-f]{16}$", "", test.name)
        skipped = [word for skip in WITHOUT if name == "it" for word in ("--skip", skip)]
        chosen = list(filters) if name == "it" else []
        out, err, code, seconds = clock.run([test, *chosen, *skipped], timer, most, env=environment, cwd=run.work)
        passed = len(re.findall(r"^test .* \.\.\. ok$", out, re.MULTILINE))
        failed = re.findall(r"^test (.*) \.\.\. FAILED$", out, re.MULTILINE)
        note = f"{seconds:.1f} s"
        if code is None:
            note += ", cut off by the time limit"
        elif code and not failed:
            note += f", exit code {code}: {clock.last_line(err) or clock.last_line(out)}"
        run.row(step, name, device, OURS, passed, "passed", note=note)
        ended = code is not None and not (code and not failed)
        run.row(step, name, device, OURS, len(failed) if ended or failed else None, "failed", note=", ".join(failed) if ended or failed else note)
        (run.args.out / f"{step}-{name}.log").write_text(out + err)
        run.say(f"{step}: {name}: {passed} passed, {len(failed)} failed, {note}")
        run.figures.save()


def golden(run, timer):
    run_tests(run, timer, "golden", run.args.device)


def cases(args, all_settings):
    """Settings with their batches, as the command line chooses."""
    for setting, batch in all_settings:
        if (not args.settings or setting in args.settings) and (not args.batches or batch in args.batches):
            yield setting, batch
    named = [setting for setting in args.settings or [] if setting in dict(all_settings)]
    for setting in named:
        for batch in args.batches or []:
            if (setting, batch) not in all_settings:
                yield setting, batch


def in_turn(run, timer, step, models, all_settings):
    """PyTorch and `ablate`, one after the other, round by round. A case that a side can't do isn't asked for again."""
    args, protocol = run.args, run.protocol
    asked = {"imgsz": args.imgsz, "warmup": args.warmup, "budget": args.budget, "iterations": args.min_iterations}
    refused = set()

    def keep(side, setting, batch, number, model, value, note=""):
        if value is None:
            refused.add((side, setting, batch, model))
        run.row(step, model, setting, side, value, "ms", batch, args.imgsz, number, note)

    for number in range(args.rounds):
        for setting, batch in cases(args, all_settings):
            can = lambda side: [model for model in models if (side, setting, batch, model) not in refused]  # noqa: E731
            sides = [(THEIRS, False)]
            if run.cuda and setting in ("eager-f32", "eager-f16"):
                sides.append((TUNED, True))
            for side, benchmark in sides:
                for model in can(side):
                    told = run.server.ask(timer, do="time", model=model, setting=setting, batch=batch, benchmark=benchmark, **asked)
                    keep(side, setting, batch, number, model, told.get("ms"), told.get("failed", ""))
            if not can(OURS):
                continue
            try:
                times, failed = run.ablate.times(can(OURS), setting, batch, protocol, timer)
            except ours.NotInThisBuild as error:
                times, failed = {}, dict.fromkeys(can(OURS), str(error))
            for model in can(OURS):
                keep(OURS, setting, batch, number, model, times.get(model), failed.get(model, ""))
            run.figures.save()
            run.say(f"{step}: round {number + 1} of {args.rounds}, {setting}, batch {batch}: {len(times)} of {len(models)} models by ablate")


def forward(run, timer):
    in_turn(run, timer, "forward", run.args.models or FORWARD, SETTINGS)
    run.server.ask(timer, do="forget")


def step(run, timer):
    in_turn(run, timer, "step", run.args.step_models, STEP_SETTINGS)
    run.server.ask(timer, do="forget")


def recipe(run, folder, amp):
    """The package's own recipe, with what the other side is told as well."""
    text = (run.sources / "configs/recipes/yolov8.yaml").read_text()
    for key, value in {"close_mosaic": "0", "amp": str(amp).lower()}.items():
        text, found = re.subn(rf"(?m)^{key}:.*$", f"{key}: {value}", text)
        # f32 is the default, which a build that does not know the key has as well.
        text += f"{key}: {value}\n" if not found and (key != "amp" or amp) else ""
    file = folder / f"recipe-{'amp' if amp else 'f32'}.yaml"
    file.write_text(text)
    return file


def bccd_data(run):
    """data.yaml of a copy in YOLO's format; its paths are made those of this machine."""
    if run.args.bccd:
        return run.args.bccd.resolve()
    data = run.packed / "bccd/data.yaml" if run.packed else None
    if not data or not data.exists():
        raise RuntimeError("no BCCD: neither in the pack nor by --bccd")
    text = re.sub(r"(?m)^path:.*$", f"path: {data.parent}", data.read_text())
    data.write_text(re.sub(r"(?m)^test:.*\n", "", text))
    return data


def bccd(run, timer):
    """Whole trainings in turn, all epochs counted on both sides."""
    args, data = run.args, bccd_data(run)
    sizes = ["--epochs", args.epochs, "--imgsz", args.imgsz, "--batch", 16]
    number, slowest, refused = 0, 0.0, set()
    settings = [(setting, setting == "train-amp") for setting in ("train-f32", "train-amp") if not args.settings or setting in args.settings]
    # A round is not begun that can't be ended.
    while number < args.rounds and (number == 0 or timer.left() > 1.2 * slowest):
        started = time.monotonic()
        for model in args.train_models:
            for setting, amp in settings:
                if (THEIRS, setting, model) not in refused:
                    command = [sys.executable, "-W", "ignore", "-m", "parts.ultralytics_train", model, data, *sizes, "--workers", args.workers]
                    command += ["--device", run.their_device.removeprefix("cuda:"), *(["--amp"] if amp else [])]
                    out, err, code, _ = clock.run(command, timer, env=run.environment, cwd=run.work)
                    rates = json.loads(out.splitlines()[-1]) if code == 0 and out.strip() else []
                    note = "" if rates else "time limit" if code is None else clock.last_line(err)
                    found = [(THEIRS, statistics.harmonic_mean(rates) if rates else None, note)]
                    if rates[1:]:
                        found.append(("theirs-later", statistics.median(rates[1:]), "median without the first epoch"))
                    for side, value, note in found:
                        run.row("bccd", model, setting, side, value, "images/s", 16, args.imgsz, number, note)
                    if not rates:
                        refused.add((THEIRS, setting, model))
                if (OURS, setting, model) not in refused:
                    rate, note = ours_train(run, timer, model, data, sizes, amp)
                    run.row("bccd", model, setting, OURS, rate, "images/s", 16, args.imgsz, number, note)
                    if rate is None:
                        refused.add((OURS, setting, model))
                run.figures.save()
                run.say(f"bccd: round {number + 1}, {model} {setting}")
        slowest = max(slowest, time.monotonic() - started)
        number += 1


def ours_train(run, timer, model, data, sizes, amp):
    """Images a second, or None and why."""
    folder = run.work / "training"
    shutil.rmtree(folder, ignore_errors=True)
    command = [run.ablate_path, "train", model, "--data", data, "--recipe", recipe(run, run.work, amp), "--out", folder, "--device", run.args.device]
    out, err, code, _ = clock.run([*command, *sizes], timer, env=run.environment, cwd=run.work)
    if amp and re.search(r"no effect here:.*\bamp\b", out + err):
        return None, "this build of ablate trains in f32 only"
    found = re.search(r"([0-9.]+) images/s", out)
    if found:
        return float(found.group(1)), ""
    return None, "time limit" if code is None else clock.last_line(err) or f"exit code {code}"


def profile(run, timer):
    """What PyTorch spends its time on, to find out where ours differs."""
    for model, setting, batch in PROFILED:
        batch = min(batch, max(run.args.batches)) if run.args.batches else batch
        told = run.server.ask(timer, do="kernels", model=model, setting=setting, batch=batch, imgsz=run.args.imgsz)
        if "failed" in told:
            run.row("profile", model, setting, THEIRS, None, "ms", batch, run.args.imgsz, note=told["failed"])
            continue
        note = f"all kernels; {told['launches']:.0f} launches"
        run.row("profile", model, setting, THEIRS, told["whole_ms"], "ms", batch, run.args.imgsz, note=note)
        for name, ms, times in told["kernels"]:
            run.row("profile", model, setting, THEIRS, ms, "ms", batch, run.args.imgsz, note=f"{times:g} × {name}")
        run.figures.save()
        run.say(f"profile: {model} {setting}, batch {batch}")


def vulkan_environment(run):
    """The loader from the pack, where there is none, and the driver's description where containers have it."""
    environment = dict(run.environment)
    debs = sorted((run.packed / "debs").glob("*.deb")) if run.packed and (run.packed / "debs").is_dir() else []
    if debs:
        folder = run.work / "vulkan"
        if not folder.exists():
            for deb in debs:
                subprocess.run(["dpkg", "-x", deb, folder], check=True)
        libraries = ":".join(str(path) for path in sorted(folder.glob("usr/lib/*-linux-gnu")))
        environment["LD_LIBRARY_PATH"] = f"{environment.get('LD_LIBRARY_PATH', '')}:{libraries}".strip(":")
    places = [pathlib.Path(place) for place in ("/usr/share/vulkan/icd.d", "/etc/vulkan/icd.d", "/usr/local/nvidia/share/vulkan/icd.d")]
    if "VK_DRIVER_FILES" not in environment:
        drivers = [file for place in places if place.is_dir() for file in sorted(place.glob("nvidia*.json"))]
        if drivers:
            environment["VK_DRIVER_FILES"] = str(drivers[0])
    # Empty, so that the first run is one.
    for name in ("XDG_CACHE_HOME", "HOME"):
        folder = run.work / f"vulkan-{name.lower()}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        environment[name] = str(folder)
    return environment


def vulkan(run, timer):
    """The same measure twice: the second run has what the first tuned. Then tests, with what time is left."""
    args, device = run.args, run.args.vulkan_device
    environment = vulkan_environment(run)
    model = (args.models or FORWARD)[0]
    # Tuning may be kept below the current folder.
    folder = run.work / "vulkan-here"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    command = [run.ablate_path, "latency", model, "--device", device, "--imgsz", args.imgsz, "--format", "json", "--within", "0"]
    command += ["--budget", args.budget, "--min-iterations", args.min_iterations]
    for which in ("first run", "second run"):
        out, err, code, seconds = clock.run(command, timer, env=environment, cwd=folder)
        told = json.loads(out)["models"] if out.strip().startswith("{") else []
        if not told:
            why = "time limit" if code is None else clock.last_line(err) or f"exit code {code}"
            run.row("vulkan", model, which, OURS, None, "s", 1, args.imgsz, note=why)
            run.say(f"vulkan: {which}: {why}")
            if code is not None:
                return
            continue
        run.row("vulkan", model, which, OURS, seconds, "s in all", 1, args.imgsz)
        run.row("vulkan", model, which, OURS, told[0]["median_ms"], "ms median", 1, args.imgsz)
        run.row("vulkan", model, which, OURS, told[0]["p90_ms"], "ms p90", 1, args.imgsz)
        run.figures.save()
        run.say(f"vulkan: {which} in {seconds:.1f} s: {told[0]['median_ms']:.2f} ms")
    run.environment, kept = environment, run.environment
    try:
        run_tests(run, timer, "vulkan", device, FEW)
    finally:
        run.environment = kept


def main():
    args = arguments()
    run = Run(args)
    failed = []
    try:
        for name in STEPS:
            if name not in args.steps:
                continue
            timer = clock.Clock(args.limits[name], run.whole)
            try:
                globals()[name](run, timer)
            except clock.TooLong as end:
                run.say(f"{name}: {end}; what is done is in the table")
                failed.append(name)
            except Exception as error:  # each step is of use without the others
                run.say(f"{name}: {type(error).__name__}: {error}")
                run.row(name, "all", "", "", None, "", note=f"{type(error).__name__}: {error}"[:300])
                failed.append(name)
            run.figures.save()
    finally:
        run.server.end()
        run.figures.save()
    print(f"\n{run.figures.text()}\n{run.figures.csv}, {run.figures.txt}")
    if failed:
        print(f"not complete: {', '.join(failed)}", file=sys.stderr)
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
