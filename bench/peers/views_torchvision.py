#!/usr/bin/env python3
"""Two views of a batch of images by torchvision's transforms, on float tensors or on Pillow's
pictures (whose blur is three box filters), image by image as a data set's __getitem__ calls them.

views/32: 256 images of 3 x 32 x 32. views/224: 16 images of 3 x 256 x 256 to 224, with blur. What
is drawn differs from ours; the checksum is of fixed parameters (bench_views.cpp).
"""
import sys

sys.dont_write_bytecode = True
from common import main, unit  # noqa: E402

KEPT = []  # what operators are declared by, as long as they are


def load(peer, threads):
    import torch
    torch.set_num_threads(threads)
    # A build for another device than this machine's lacks its own operators, which nothing here
    # calls; importing it looks two of them up.
    stubs = torch.library.Library("torchvision", "DEF")
    for missing in ("nms", "qnms"):
        try:
            stubs.define(missing + "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        except RuntimeError:
            pass
    import torchvision.transforms  # noqa: F401
    KEPT.append(stubs)


def checksum(x):
    from torchvision.transforms import functional as F
    side = x.shape[-1]
    off = side // 8
    y = F.resized_crop(x, off, off, side - 2 * off, side - 2 * off, [32, 32], antialias=True)
    y = F.adjust_contrast(F.adjust_brightness(y, 1.2), 0.7)
    y = F.adjust_hue(F.adjust_saturation(y, 1.3), 0.1)
    y = F.solarize(F.gaussian_blur(y, [5, 5], [0.8, 0.8]), 0.5)
    grey = F.rgb_to_grayscale(F.hflip(y), 3)
    return [y.mean().item(), (y * y).mean().item(), (grey * grey).mean().item()]


def pillow_blur(picture):
    import random

    from PIL import ImageFilter
    return picture.filter(ImageFilter.GaussianBlur(random.uniform(.1, 2)))


def recipe(size, scale, blur, solarize, pillow):
    from torchvision import transforms as T
    steps = [T.RandomResizedCrop(size, scale=(scale, 1), antialias=True),
             T.RandomApply([T.ColorJitter(.4, .4, .2, .1)], p=.8), T.RandomGrayscale(p=.2)]
    if blur:
        soft = T.Lambda(pillow_blur) if pillow else T.GaussianBlur(13, (.1, 2))
        steps.append(T.RandomApply([soft], p=blur))
    if solarize:
        steps.append(T.RandomSolarize(128 if pillow else .5, p=solarize))
    steps.append(T.RandomHorizontalFlip())
    if pillow:
        steps.append(T.ToTensor())
    return T.Compose(steps)


def make(peer, workload, threads):
    import torch
    from torchvision.transforms import functional as F
    small, pillow = workload.endswith("/32"), peer.endswith("pillow")
    n, side = (256, 32) if small else (16, 256)
    x = torch.from_numpy(unit(1, n * 3 * side * side).reshape(n, 3, side, side))
    if small:
        views = [recipe(32, .2, 0, 0, pillow)] * 2
    else:
        views = [recipe(224, .08, 1, 0, pillow), recipe(224, .08, .1, .2, pillow)]
    images = [F.to_pil_image(one) for one in x] if pillow else list(x)

    def step():
        return [torch.stack([view(one) for one in images]) for view in views]
    torch.manual_seed(0)
    return checksum(x[0]), step, 1


if __name__ == "__main__":
    main(__doc__, load, make)
