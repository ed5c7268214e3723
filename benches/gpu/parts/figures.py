"""What was measured, as rows of one CSV, appended as they come; and the tables that are made of them."""

import collections
import csv
import dataclasses
import pathlib
import statistics
import textwrap

# The most that ours may take of PyTorch's time; the least that our images a second may be of theirs.
TARGETS = {"eager-f32": 1.0, "eager-tf32": 1.0, "eager-f16": 1.0, "graph-f32": 1.05, "graph-tf32": 1.05, "graph-f16": 1.05}
TARGETS |= {"step-f32": 1.0, "step-tf32": 1.0, "step-amp": 1.0}
LEAST = {"train-f32": 1.0, "train-amp": 1.0}

OURS, THEIRS, TUNED = "ablate", "theirs", "theirs-benchmark"


@dataclasses.dataclass(frozen=True)
class Row:
    step: str  # machine, golden, forward, step, bccd, profile, vulkan
    model: str
    setting: str  # eager-f32 and the like
    batch: int
    imgsz: int
    side: str  # ablate, theirs, theirs-benchmark
    round: int
    value: float | None  # None if it failed; the note says why
    unit: str
    note: str = ""


COLUMNS = [field.name for field in dataclasses.fields(Row)]


class Figures:
    """Rows of this run, each written before the next is measured; the text of the tables is written anew with each `save`."""

    def __init__(self, folder):
        folder.mkdir(parents=True, exist_ok=True)
        self.csv, self.txt, self.rows = pathlib.Path(folder) / "figures.csv", pathlib.Path(folder) / "tables.txt", []
        with open(self.csv, "w", newline="") as file:
            csv.writer(file, lineterminator="\n").writerow(COLUMNS)

    def add(self, *rows):
        self.rows += rows
        with open(self.csv, "a", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            for row in rows:
                value = "" if row.value is None else f"{row.value:.6g}"
                writer.writerow([*dataclasses.astuple(dataclasses.replace(row, value=value))])

    def save(self):
        self.txt.write_text(self.text())

    def text(self):
        steps = dict.fromkeys(row.step for row in self.rows)
        return "\n".join(section(step, [row for row in self.rows if row.step == step]) for step in steps)


def aligned(header, rows, left=(0, 1)):
    """Columns by spaces, to the right but for those of `left`."""
    lines = [[str(cell) for cell in line] for line in (header, *rows)]
    widths = [max(map(len, column)) for column in zip(*lines)]

    def padded(line):
        cells = [cell.ljust(width) if i in left else cell.rjust(width) for i, (cell, width) in enumerate(zip(line, widths))]
        return "  ".join(cells).rstrip()

    return "".join(padded(line) + "\n" for line in lines)


def section(step, rows):
    titles = {
        "machine": "Machine",
        "golden": "Golden tests, strict f32: what PyTorch computed beforehand, to 1e-4 of the largest value",
        "forward": "Forward pass, milliseconds: median of the rounds' medians; the smallest and largest ratio of a round in brackets",
        "step": "Training step, milliseconds",
        "bccd": "Training on BCCD beside ultralytics, images a second, loading included",
        "profile": "PyTorch's most expensive CUDA kernels, milliseconds a pass or step",
        "vulkan": "Vulkan",
    }
    table = compared(rows) if step in ("forward", "step", "bccd") else listed(step, rows)
    failed = [row for row in rows if row.note and row.value is None and step != "machine"]
    notes = dict.fromkeys(f"{row.model} {row.setting} {row.side}: {row.note}" for row in failed)
    return f"== {titles[step]}\n{table}" + "".join(f"  not measured: {note}\n" for note in notes)


def listed(step, rows):
    """Rows as they are."""
    rows = [row for row in rows if row.value is not None or step == "machine"]
    if step == "machine":
        return aligned(("what", "", ""), [(row.model, row.note, "") for row in rows])
    if step == "profile":
        cases = dict.fromkeys((row.model, row.setting, row.batch) for row in rows)
        shown = ""
        for case in cases:
            mine = [row for row in rows if (row.model, row.setting, row.batch) == case]
            shown += f"{case[0]} {case[1]}, batch {case[2]}\n" + "".join(f"  {row.value:8.3f}  {row.note}\n" for row in mine)
        return shown
    lines = [(row.model, row.setting, f"{row.value:.4g}", row.unit, textwrap.shorten(row.note, 100)) for row in rows]
    return aligned(("what", "setting", "value", "unit", ""), lines, left=(0, 1, 3, 4))


def compared(rows):
    """Both sides' medians and their ratio, over the rounds that both have."""
    cases = collections.defaultdict(lambda: collections.defaultdict(dict))
    for row in rows:
        if row.value is not None:
            cases[row.setting, row.batch, row.model][row.side][row.round] = row.value
    lines = []
    for (setting, batch, model), sides in cases.items():
        both = sorted(sides[OURS].keys() & sides[THEIRS].keys())
        ours, theirs, tuned = (median(sides[side], both) for side in (OURS, THEIRS, TUNED))
        ratio = spread = verdict = "–"
        target = TARGETS.get(setting, LEAST.get(setting))
        if both:
            by_round = [sides[OURS][i] / sides[THEIRS][i] for i in both]
            ratio, spread = ours / theirs, f"({min(by_round):.2f}–{max(by_round):.2f})"
            verdict = "met" if (ratio >= target if setting in LEAST else ratio <= target) else "MISSED"
            ratio = f"{ratio:.2f}"
        sign = "≥" if setting in LEAST else "≤"
        lines.append((model, setting, batch, shown(ours), shown(theirs), shown(tuned), ratio, spread, len(both), f"{sign} {target}", verdict))
    header = ("model", "setting", "batch", "ablate", "theirs", "tuned", "ratio", "of rounds", "rounds", "target", "")
    missed = sum(line[-1] == "MISSED" for line in lines)
    met = sum(line[-1] == "met" for line in lines)
    return aligned(header, lines) + f"targets met: {met} of {met + missed}\n"


def median(by_round, rounds):
    """Of the rounds that both sides have, or of all if there are none."""
    values = [by_round[i] for i in rounds if i in by_round] or list(by_round.values())
    return statistics.median(values) if values else None


def shown(value):
    return "–" if value is None else f"{value:.2f}" if value < 100 else f"{value:.0f}"
