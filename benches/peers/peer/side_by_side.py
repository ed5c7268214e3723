"""The table of forward passes in ONNX Runtime, PyTorch and `ablate`, all of them folded."""

import collections
import statistics

from .ratios import current

SIDES = ("onnxruntime", "pytorch-folded", "ablate")
HEADER = (
    *("model", "pixels", "batch", "threads", "device"),
    *("ONNX Runtime, ms", "PyTorch, ms", "ablate, ms", "ablate / ONNX Runtime", "ablate / PyTorch", "rounds", "others"),
)


def rows(timed):
    """Of the rounds that all three sides have; a ratio is of the medians, and in brackets the smallest and largest of a round."""
    cases = collections.defaultdict(lambda: collections.defaultdict(dict))
    for turn, figures in current(timed).items():
        if turn.work == "inference" and turn.side in SIDES:
            cases[turn.model, turn.imgsz, turn.batch, turn.threads, turn.device][turn.side][turn.round] = figures
    for case, sides in sorted(cases.items()):
        rounds = sorted(set.intersection(*(set(sides[side]) for side in SIDES)))
        if not rounds:
            continue
        by_side = {side: [sides[side][number].median_ms for number in rounds] for side in SIDES}
        medians = {side: statistics.median(times) for side, times in by_side.items()}

        def ratio(theirs):
            by_round = [a / b for a, b in zip(by_side["ablate"], by_side[theirs])]
            return f"{medians['ablate'] / medians[theirs]:.2f} ({min(by_round):.2f}–{max(by_round):.2f})"

        others = max(sides[side][number].others for side in SIDES for number in rounds)
        times = [f"{medians[side]:.1f}" for side in SIDES]
        yield [*case, *times, ratio("onnxruntime"), ratio("pytorch-folded"), len(rounds), f"{others:.0%}"]


def markdown(timed):
    """Empty where ONNX Runtime was not timed."""
    lines = list(rows(timed))
    lines = [HEADER, ["---"] * len(HEADER), *lines] if lines else []
    return "".join("| " + " | ".join(str(cell) for cell in line) + " |\n" for line in lines)
