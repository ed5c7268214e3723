"""Norms folded into the convolutions before them, for inference."""

import copy

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval


def folded(model):
    """A copy of a model in eval mode, without the norms that a module's FOLDS names, and with branches merged where that can be."""
    model = copy.deepcopy(model).eval()
    for module in list(model.modules()):
        for conv, norm in getattr(module, "FOLDS", ()):
            fused = fuse_conv_bn_eval(module.get_submodule(conv), module.get_submodule(norm))
            module.set_submodule(conv, fused)
            module.set_submodule(norm, nn.Identity())
    for module in list(model.modules()):
        if hasattr(module, "merge"):
            module.merge()
    return model
