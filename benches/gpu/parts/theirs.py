"""PyTorch, in a process of its own that stays while `ablate` takes its turns: it reads a request a line and answers a line each, in JSON.

    python -m parts.theirs ABLATE DEVICE < requests
"""

import json
import os
import statistics
import sys
import time


def main():
    # Packages print what they like; answers have a way of their own.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    ablate, device = sys.argv[1:]
    side = Side(ablate, device)
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            answer = getattr(side, asked.pop("do"))(**asked)
        except Exception as error:  # the other cases are still of use
            answer = {"failed": f"{type(error).__name__}: {error}"[:200]}
        print(json.dumps(answer), file=answers)


def halved(place):
    """A head's cells in 16 bits: the sum with one in 32 would have 32."""
    return tuple(part.half() for part in place) if isinstance(place, tuple) else place.half()


class Side:
    def __init__(self, ablate, device):
        import torch

        self.torch, self.ablate, self.device = torch, ablate, device
        self.cuda = device.startswith("cuda")
        # The networks make their grids on the default device.
        torch.set_default_device(device)
        torch.manual_seed(0)
        self.works = {}

    def wait(self):
        if self.cuda:
            self.torch.cuda.synchronize()

    def precise(self, number, benchmark=False):
        """Chooses TF32 or not, and cuDNN's own choice of algorithms or their timing."""
        for part in (self.torch.backends.cudnn, self.torch.backends.cuda.matmul):
            part.allow_tf32 = number == "tf32"
        self.torch.backends.cudnn.benchmark = benchmark

    def detector(self, model, imgsz):
        from peer import table
        from peer.graph import build

        # Each training step changes its own.
        return build(table.show(self.ablate, model, imgsz))

    def folded(self, model, imgsz, half):
        from peer.fold import folded

        key = "folded", model, imgsz, half
        if key not in self.works:
            network = folded(self.detector(model, imgsz))
            with self.torch.no_grad():
                # Places that are kept must be no tensors of inference mode, since graphs use them, too.
                network(self.torch.zeros(1, 3, imgsz, imgsz))
            if half:
                network.half()
                for module in network.modules():
                    if hasattr(module, "places"):
                        module.places = {where: halved(place) for where, place in module.places.items()}
            self.works[key] = network
        return self.works[key]

    def forward(self, model, number, batch, imgsz):
        network = self.folded(model, imgsz, number == "f16")
        images = self.torch.rand(batch, 3, imgsz, imgsz)
        images = images.half() if number == "f16" else images

        def work():
            with self.torch.inference_mode():
                return network(images)

        return work

    def graph(self, model, number, batch, imgsz):
        torch = self.torch
        if not self.cuda:
            raise RuntimeError("CUDA graphs need a GPU")
        network = self.folded(model, imgsz, number == "f16")
        images = torch.rand(batch, 3, imgsz, imgsz)
        images = images.half() if number == "f16" else images
        with torch.no_grad():
            stream = torch.cuda.Stream()
            stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(stream):
                for _ in range(3):
                    network(images)
            torch.cuda.current_stream().wait_stream(stream)
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph):
                outputs = network(images)

        def work():
            graph.replay()
            return outputs

        return work

    def step(self, model, number, batch, imgsz):
        from peer import work as peers
        from peer.losses import make_loss

        detector = self.detector(model, imgsz)
        if number != "amp":
            return peers.train_step(detector, batch, imgsz)
        torch = self.torch
        detector = detector.train()
        images, targets = torch.rand(batch, 3, imgsz, imgsz), peers.boxes(batch, detector.head.nc)
        loss, sgd = make_loss(detector, imgsz), peers.optimizer(detector)
        # As both packages train; a CPU has no half precision that is fast.
        dtype = torch.float16 if self.cuda else torch.bfloat16
        scaler = torch.amp.GradScaler("cuda", enabled=self.cuda)

        def work():
            sgd.zero_grad(set_to_none=True)
            with torch.autocast(self.device.split(":")[0], dtype):
                total = loss(detector(images), targets)
            scaler.scale(total).backward()
            scaler.step(sgd)
            scaler.update()
            return total.item()

        return work

    def made(self, model, setting, batch, imgsz):
        """The work of a setting, kept for later rounds."""
        key = model, setting, batch, imgsz
        if key not in self.works:
            way, number = setting.split("-")
            make = {"eager": self.forward, "graph": self.graph, "step": self.step}[way]
            self.works[key] = make(model, number, batch, imgsz)
        return self.works[key]

    def time(self, model, setting, batch, imgsz, warmup, budget, iterations, benchmark=False):
        """Median milliseconds, by the protocol of `ablate latency`."""
        self.precise(setting.split("-")[1], benchmark)
        work = self.made(model, setting, batch, imgsz)
        for _ in range(warmup):
            work()
        self.wait()
        samples = []
        while len(samples) < iterations or sum(samples) < budget * 1e3:
            start = time.perf_counter()
            work()
            self.wait()
            samples.append((time.perf_counter() - start) * 1e3)
        return {"ms": statistics.median(samples), "iterations": len(samples)}

    def forget(self):
        """Frees what settings keep, not the networks."""
        self.works = {key: work for key, work in self.works.items() if key[0] == "folded"}
        if self.cuda:
            self.torch.cuda.empty_cache()
        return {}

    def kernels(self, model, setting, batch, imgsz, most=10):
        """The kernels that take longest, in milliseconds a pass, and how often each runs."""
        from torch.profiler import ProfilerActivity, profile

        self.precise(setting.split("-")[1])
        work = self.made(model, setting, batch, imgsz)
        for _ in range(3):
            work()
        self.wait()
        passes = 5
        kinds = [ProfilerActivity.CPU, ProfilerActivity.CUDA] if self.cuda else [ProfilerActivity.CPU]
        with profile(activities=kinds) as profiled:
            for _ in range(passes):
                work()
            self.wait()
        spent = {}
        for event in profiled.events():
            if self.cuda != (event.device_type == self.torch.autograd.DeviceType.CUDA):
                continue
            us = event.time_range.elapsed_us() if self.cuda else event.self_cpu_time_total
            total, count = spent.get(event.name, (0.0, 0))
            spent[event.name] = total + us, count + 1
        ranked = sorted(spent.items(), key=lambda item: -item[1][0])
        whole = sum(total for total, _ in spent.values()) / passes / 1e3
        rows = [[name, total / passes / 1e3, count / passes] for name, (total, count) in ranked[:most]]
        return {"whole_ms": whole, "kernels": rows, "launches": sum(count for _, count in spent.values()) / passes}


if __name__ == "__main__":
    main()
