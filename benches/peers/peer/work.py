"""What is timed of a detector: a forward pass, a training step. Each is a function that returns when the work is done."""

import torch

from .losses import make_loss

BOXES = 8
LR, MOMENTUM, WEIGHT_DECAY = 1e-4, 0.937, 5e-4


def inference(detector, batch, imgsz):
    """The forward pass with decoded boxes."""
    detector = detector.eval()
    images = torch.rand(batch, 3, imgsz, imgsz)

    def work():
        with torch.inference_mode():
            return detector(images)

    return work


def boxes(batch, nc):
    """Rows of image, class, centre and size: those of `ablate latency --train-step`."""

    def row(i):
        x, y = (0.1 + 0.8 * (i * factor % 97) / 97 for factor in (31, 17))
        w, h = (0.05 + 0.4 * (i * factor % 97) / 97 for factor in (13, 7))
        return [i // BOXES, i % nc, x, y, w, h]

    return torch.tensor([row(i) for i in range(batch * BOXES)], dtype=torch.float32)


def optimizer(detector):
    """SGD with Nesterov momentum; weights of more than one dimension decay, biases and norms don't."""
    parameters = [parameter for parameter in detector.parameters() if parameter.requires_grad]
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": WEIGHT_DECAY},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.SGD(groups, lr=LR, momentum=MOMENTUM, nesterov=True)


def train_step(detector, batch, imgsz):
    """Forward, loss, backward, optimizer, always on the same random images."""
    detector = detector.train()
    images, targets = torch.rand(batch, 3, imgsz, imgsz), boxes(batch, detector.head.nc)
    loss, sgd = make_loss(detector, imgsz), optimizer(detector)

    def work():
        sgd.zero_grad(set_to_none=True)
        total = loss(detector(images), targets)
        total.backward()
        sgd.step()
        return total.item()

    return work
