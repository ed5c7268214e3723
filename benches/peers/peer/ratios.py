"""The table: medians of both sides, and ours as a ratio to PyTorch's."""

import collections
import dataclasses
import statistics

# The most that ours may take of PyTorch's time, by device and work.
TARGETS = {("tch", "inference"): 1.0, ("tch", "train"): 1.1, ("flex", "inference"): 2.0}

# What is compared with what: ours, PyTorch's, and whether both do the same, which is what a target is for.
PAIRS = {
    "inference": [("ablate", "pytorch-folded", True), ("ablate", "pytorch", False), ("ablate-unfolded", "pytorch", True)],
    "train": [("ablate", "pytorch", True)],
}

CASE = ("device", "threads", "pixels", "work", "batch", "model")
HEADER = (*CASE, "ours", "ms", "PyTorch", "ms", "ratio", "over rounds", "others", "target")


@dataclasses.dataclass
class Ratio:
    case: tuple  # see CASE
    sides: tuple  # ours, PyTorch's
    medians_ms: list  # of the rounds' medians
    by_round: list
    others: float  # the most of the processors that other programs used in a turn
    target: float | None

    @property
    def ratio(self):
        return self.medians_ms[0] / self.medians_ms[1]

    def cells(self):
        ratio = f"{self.ratio:.2f}"
        missed = self.target is not None and self.ratio > self.target
        spread = f"{min(self.by_round):.2f}–{max(self.by_round):.2f} ({len(self.by_round)})"
        (ours, theirs), (ours_ms, theirs_ms) = self.sides, (f"{ms:.1f}" for ms in self.medians_ms)
        figures = [f"**{ratio}**" if missed else ratio, spread, f"{self.others:.0%}", self.target or "–"]
        return [*self.case, ours, ours_ms, theirs, theirs_ms, *figures]


def current(timed):
    """The figures of each device's last build."""
    last = {turn.device: (turn.build, turn.pytorch) for turn in timed}
    return {turn: figures for turn, figures in timed.items() if (turn.build, turn.pytorch) == last[turn.device]}


def ratios(timed):
    """Of the rounds that both sides of a pair have."""
    cases = collections.defaultdict(lambda: collections.defaultdict(dict))
    for turn, figures in current(timed).items():
        case = (turn.device, turn.threads, turn.imgsz, turn.work, turn.batch, turn.model)
        cases[case][turn.side][turn.round] = figures
    for case, sides in sorted(cases.items()):
        device, _, _, work, _, _ = case
        for ours, theirs, alike in PAIRS[work]:
            rounds = sorted(sides.get(ours, {}).keys() & sides.get(theirs, {}).keys())
            if not rounds:
                continue
            turns = [[sides[side][i] for i in rounds] for side in (ours, theirs)]
            medians = [statistics.median(turn.median_ms for turn in side) for side in turns]
            by_round = [a.median_ms / b.median_ms for a, b in zip(*turns)]
            others = max(turn.others for side in turns for turn in side)
            target = TARGETS.get((device.split(":")[0], work)) if alike else None
            yield Ratio(case, (ours, theirs), medians, by_round, others, target)


def markdown(timed):
    """A target that was missed is in bold."""
    lines = [HEADER, ["---"] * len(HEADER), *(ratio.cells() for ratio in ratios(timed))]
    return "".join("| " + " | ".join(str(cell) for cell in line) + " |\n" for line in lines)
