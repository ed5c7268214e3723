"""How PyTorch is timed: as `ablate latency` times, warm-up first, then until both the budget and the fewest iterations are reached."""

import time


def samples_ms(work, warmup, budget_s, min_iterations):
    for _ in range(warmup):
        work()
    samples = []
    while len(samples) < min_iterations or sum(samples) < budget_s * 1e3:
        start = time.perf_counter()
        work()
        samples.append((time.perf_counter() - start) * 1e3)
    return samples
