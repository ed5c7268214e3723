"""The table of forward passes in ONNX Runtime, PyTorch where it was timed too, and `ablate`, all of them folded."""

import collections
import statistics

from .ratios import current

SIDES = ("onnxruntime", "pytorch-folded", "ablate")
HEADER = (
    *("model", "pixels", "batch", "threads", "device"),
    *("ONNX Runtime, ms", "PyTorch, ms", "ablate, ms", "ablate / ONNX Runtime", "ablate / PyTorch", "rounds", "others"),
)


def rows(timed):
    """Of the rounds that all have that were timed; a ratio is of the medians, and in brackets the smallest and largest of a round."""
    cases = collections.defaultdict(lambda: collections.defaultdict(dict))
    for turn, figures in current(timed).items():
        if turn.work == "inference" and turn.side in SIDES:
            cases[turn.model, turn.imgsz, turn.batch, turn.threads, turn.device][turn.side][turn.round] = figures
    for case, sides in sorted(cases.items()):
        if not {"onnxruntime", "ablate"} <= sides.keys():
            continue
        rounds = sorted(set.intersection(*map(set, sides.values())))
        if not rounds:
            continue
        by_side = {side: [turns[number].median_ms for number in rounds] for side, turns in sides.items()}
        medians = {side: statistics.median(times) for side, times in by_side.items()}

        def ratio(theirs):
            if theirs not in by_side:
                return "–"
            by_round = [a / b for a, b in zip(by_side["ablate"], by_side[theirs])]
            return f"{medians['ablate'] / medians[theirs]:.2f} ({min(by_round):.2f}–{max(by_round):.2f})"

        others = max(turns[number].others for turns in sides.values() for number in rounds)
        times = [f"{medians[side]:.1f}" if side in medians else "–" for side in SIDES]
        yield [*case, *times, ratio("onnxruntime"), ratio("pytorch-folded"), len(rounds), f"{others:.0%}"]


def markdown(timed):
    """Empty where ONNX Runtime was not timed."""
    lines = list(rows(timed))
    lines = [HEADER, ["---"] * len(HEADER), *lines] if lines else []
    return "".join("| " + " | ".join(str(cell) for cell in line) + " |\n" for line in lines)
