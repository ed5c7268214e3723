"""`ablate latency` and `ablate metrics`, run as programs of their own."""

import hashlib
import json
import os
import pathlib
import subprocess


def build(ablate):
    """Eight digits that tell one build from another."""
    return hashlib.sha256(pathlib.Path(ablate).read_bytes()).hexdigest()[:8]


def has_option(ablate, option):
    """Whether this build of `ablate latency` knows an option."""
    return option in subprocess.run([ablate, "latency", "--help"], check=True, capture_output=True, text=True).stdout


def samples_ms(ablate, model, device, imgsz, batch, train, threads, warmup, budget_s, min_iterations, options=()):
    command = [ablate, "latency", model, "--format", "json", "--device", device, "--imgsz", str(imgsz), "--batch", str(batch), *options]
    command += ["--warmup", str(warmup), "--budget", str(budget_s), "--min-iterations", str(min_iterations)]
    command += ["--train-step"] if train else []
    # Of flex, and of LibTorch.
    environment = {**os.environ, **dict.fromkeys(("RAYON_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), str(threads))}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {(done.stderr or done.stdout).strip()[-400:]}")
    return json.loads(done.stdout)["models"][0]["samples_ms"]


def metrics(ablate, truth, rows, file):
    """COCO's figures by name of detections, which the file will hold."""
    file.write_text(json.dumps(rows))
    command = [ablate, "metrics", str(truth), str(file), "--format", "json"]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
