"""What the backbone variants are made of: inverted residuals, FasterNet, RepVGG, ShuffleNetV2's stem."""

import torch
from torch import nn

from .blocks import Conv, activation, conv2d, norm


class InvertedResidual(nn.Module):
    """MobileNetV2's block (arXiv:1801.04381, table 1)."""

    def __init__(self, c_in, c_out, stride, expansion, act):
        super().__init__()
        hidden = c_in * expansion
        expand = [Conv(c_in, hidden, act=act)] if expansion > 1 else []
        depthwise = Conv(hidden, hidden, 3, stride, groups=hidden, act=act)
        self.conv = nn.Sequential(*expand, depthwise, Conv(hidden, c_out, act="identity"))
        self.residual = stride == 1 and c_in == c_out

    def forward(self, x):
        return x + self.conv(x) if self.residual else self.conv(x)


class PartialConv(nn.Module):
    """A 3×3 convolution of the first quarter of the channels; the others stay as they are."""

    def __init__(self, channels):
        super().__init__()
        self.part = channels // 4
        self.partial_conv3 = conv2d(self.part, self.part, 3)

    def forward(self, x):
        if torch.is_grad_enabled():
            mixed, rest = x.split((self.part, x.shape[1] - self.part), 1)
            return torch.cat((self.partial_conv3(mixed), rest), 1)
        y = x.clone()
        y[:, : self.part] = self.partial_conv3(x[:, : self.part])
        return y


class MlpBlock(nn.Module):
    """Partial convolution, then a perceptron of twice the channels, with a residual connection that training may drop the inside of."""

    FOLDS = (("mlp.0", "mlp.1"),)

    def __init__(self, channels, act, drop, layer_scale):
        super().__init__()
        self.spatial_mixing = PartialConv(channels)
        self.mlp = nn.Sequential(conv2d(channels, 2 * channels), norm(2 * channels), activation(act), conv2d(2 * channels, channels))
        self.layer_scale = nn.Parameter(torch.full((channels,), layer_scale)) if layer_scale else None
        self.drop = drop

    def forward(self, x):
        y = self.mlp(self.spatial_mixing(x))
        if self.layer_scale is not None:
            y = y * self.layer_scale.view(1, -1, 1, 1)
        if self.training and self.drop > 0:
            keep = 1 - self.drop
            y = y * (torch.empty(len(x), 1, 1, 1).bernoulli_(keep) / keep)
        return x + y


class PatchEmbed(nn.Module):
    FOLDS = (("proj", "norm"),)

    def __init__(self, c_out):
        super().__init__()
        self.proj = conv2d(3, c_out, 4, 4, padding=0)
        self.norm = norm(c_out)

    def forward(self, x):
        return self.norm(self.proj(x))


class PatchMerging(nn.Module):
    FOLDS = (("reduction", "norm"),)

    def __init__(self, channels):
        super().__init__()
        self.reduction = conv2d(channels, 2 * channels, 2, 2, padding=0)
        self.norm = norm(2 * channels)

    def forward(self, x):
        return self.norm(self.reduction(x))


class Stage(nn.Module):
    def __init__(self, blocks):
        super().__init__()
        self.blocks = nn.Sequential(*blocks)

    def forward(self, x):
        return self.blocks(x)


class FasterNet(nn.Module):
    """A whole backbone (arXiv:2303.03667, table 7): four outputs, each under a norm of its own."""

    # First channels, blocks by stage, activation, drop probability of the last block.
    SIZES = {
        "t0": (40, (1, 2, 8, 2), "gelu", 0.0),
        "t1": (64, (1, 2, 8, 2), "gelu", 0.02),
        "t2": (96, (1, 2, 8, 2), "relu", 0.05),
        "s": (128, (1, 2, 13, 2), "relu", 0.1),
        "m": (144, (3, 4, 18, 3), "relu", 0.2),
        "l": (192, (3, 4, 18, 3), "relu", 0.3),
    }

    def __init__(self, size, layer_scale=0.0):
        super().__init__()
        first, depths, act, last_drop = self.SIZES[size] if isinstance(size, str) else size
        drops = iter(torch.linspace(0, last_drop, sum(depths), device="cpu").tolist())
        self.patch_embed = PatchEmbed(first)
        stages = []
        for i, depth in enumerate(depths):
            channels = first << i
            stages += [PatchMerging(channels // 2)] if i else []
            stages.append(Stage([MlpBlock(channels, act, next(drops), float(layer_scale)) for _ in range(depth)]))
            setattr(self, f"norm{2 * i}", norm(channels))
        self.stages = nn.Sequential(*stages)

    def forward(self, x):
        x = self.patch_embed(x)
        outputs = []
        for i, stage in enumerate(self.stages):
            x = stage(x)
            if isinstance(stage, Stage):
                outputs.append(getattr(self, f"norm{i}")(x))
        return outputs


class Stem(nn.Module):
    """ShuffleNetV2's (arXiv:1807.11164, table 5): a 3×3 convolution of stride 2 and a max pool of stride 2."""

    FOLDS = (("conv.0", "conv.1"),)

    def __init__(self, c_in, c_out):
        super().__init__()
        self.conv = nn.Sequential(conv2d(c_in, c_out, 3, 2), norm(c_out), nn.ReLU(inplace=True))
        self.maxpool = nn.MaxPool2d(3, 2, 1)

    def forward(self, x):
        return self.maxpool(self.conv(x))


class Branch(nn.Module):
    FOLDS = (("conv", "bn"),)

    def __init__(self, c_in, c_out, kernel, stride):
        super().__init__()
        self.conv = conv2d(c_in, c_out, kernel, stride)
        self.bn = norm(c_out)

    def forward(self, x):
        return self.bn(self.conv(x))


class RepVGG(nn.Module):
    """A sum of three branches (arXiv:2101.03697), which is one 3×3 convolution once it is folded."""

    def __init__(self, c_in, c_out, _kernel, stride):
        super().__init__()
        self.rbr_dense = Branch(c_in, c_out, 3, stride)
        self.rbr_1x1 = Branch(c_in, c_out, 1, stride)
        self.rbr_identity = norm(c_out) if c_in == c_out and stride == 1 else None
        self.single = None

    def forward(self, x):
        if self.single is not None:
            return self.single(x).relu_()
        y = self.rbr_dense(x) + self.rbr_1x1(x)
        if self.rbr_identity is not None:
            y = y + self.rbr_identity(x)
        return y.relu_()

    @torch.no_grad()
    def merge(self):
        """Called when the branches have been folded: the 1×1 kernel, and the identity's, are the centre of a 3×3 one."""
        single, point = self.rbr_dense.conv, self.rbr_1x1.conv
        single.weight[:, :, 1, 1] += point.weight[:, :, 0, 0]
        single.bias += point.bias
        if self.rbr_identity is not None:
            scale = self.rbr_identity.weight / (self.rbr_identity.running_var + self.rbr_identity.eps).sqrt()
            single.weight[:, :, 1, 1] += torch.diag(scale)
            single.bias += self.rbr_identity.bias - self.rbr_identity.running_mean * scale
        self.single = single
        self.rbr_dense = self.rbr_1x1 = self.rbr_identity = None
