"""The results file: a row for each turn of each side, appended as it comes, so that a run that was cut off goes on where it was."""

import csv
import dataclasses
import os
import statistics


@dataclasses.dataclass(frozen=True)
class Turn:
    """One side's share of a round."""

    model: str
    work: str  # inference, train
    batch: int
    imgsz: int
    threads: int
    device: str  # of ablate; PyTorch's rows name it, too, since they are measured against it
    build: str  # of ablate: a hash of the binary, since figures of another one are no pair of these
    pytorch: str  # its version, and ONNX Runtime's
    side: str  # onnxruntime, pytorch, pytorch-folded, ablate, ablate-unfolded
    round: int


@dataclasses.dataclass(frozen=True)
class Timed:
    turn: Turn
    median_ms: float
    min_ms: float
    iterations: int
    others: float  # share of the processors that other programs used meanwhile


TURN = [field.name for field in dataclasses.fields(Turn)]
COLUMNS = [*TURN, "median_ms", "min_ms", "iterations", "others"]


def summed_up(turn, samples, others):
    return Timed(turn, statistics.median(samples), min(samples), len(samples), others)


def read(path):
    """Rows by turn; a line that was cut off while it was written does not count."""
    if not os.path.exists(path):
        return {}
    timed = {}
    with open(path, newline="") as file:
        for row in csv.DictReader(file):
            if None in row.values():
                continue
            turn = Turn(*(field.type(row[field.name]) for field in dataclasses.fields(Turn)))
            timed[turn] = Timed(turn, float(row["median_ms"]), float(row["min_ms"]), int(row["iterations"]), float(row["others"]))
    return timed


def append(path, timed):
    new = not os.path.exists(path)
    figures = [f"{timed.median_ms:.4f}", f"{timed.min_ms:.4f}", timed.iterations, f"{timed.others:.3f}"]
    with open(path, "a", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        if new:
            writer.writerow(COLUMNS)
        writer.writerow([*(getattr(timed.turn, name) for name in TURN), *figures])
