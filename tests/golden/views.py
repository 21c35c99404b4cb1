#!/usr/bin/env python3
"""Writes views.txt: what torchvision.transforms.functional makes of float images.

    python3 tests/golden/views.py            # needs torch, torchvision 0.28 and pillow; writes
                                             # views.txt beside this file
    python3 tests/golden/views.py --check    # exits 1 where the committed file differs by more than
                                             # 1e-6 from what it would write

An image is the same formula on both sides (tests/datasets/golden_views.h): uniform numbers of a
stream, row-major; `steps` rounds them to quarters, so that channels and thresholds meet. Lines:
'case NAME channels height width steps key=value...', then 'values [SHAPE] numbers' of 7 digits.
"""
import pathlib
import sys

import numpy as np
import torch

# A build for another device than this machine's lacks its own operators, which nothing here calls;
# importing it looks two of them up.
stubs = torch.library.Library("torchvision", "DEF")
for missing in ("nms", "qnms"):
    try:
        stubs.define(missing + "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    except RuntimeError:
        pass
from torchvision.transforms import functional as F  # noqa: E402
from torchvision.transforms import InterpolationMode  # noqa: E402

PATH = pathlib.Path(__file__).with_name("views.txt")
lines = []


def unit(stream, n):
    h = (np.arange(n, dtype=np.uint64) + np.uint64(stream * 0x9E3779B9 % 2**32)).astype(np.uint32)
    h ^= h >> np.uint32(16)
    h *= np.uint32(0x85EBCA6B)
    h ^= h >> np.uint32(13)
    h *= np.uint32(0xC2B2AE35)
    h ^= h >> np.uint32(16)
    return (h >> np.uint32(8)).astype(np.float32) * np.float32(2.0**-24)


def put(name, f, channels=3, height=6, width=7, steps=0, **settings):
    x = unit(1, channels * height * width)
    if steps:
        x = np.round(x * 4) / np.float32(4)
    y = f(torch.from_numpy(x.astype(np.float32).reshape(channels, height, width))).numpy()
    assert y.dtype == np.float32
    lines.append(" ".join(["case", name, str(channels), str(height), str(width), str(steps)] +
                          [f"{k}={v}" for k, v in settings.items()]))
    lines.append("values [" + ",".join(map(str, y.shape)) + "] " +
                 " ".join(f"{v:.7g}" for v in y.ravel()))


for channels in (1, 3):
    for factor in (0, 0.6, 1.35):
        put("adjust_brightness", lambda x: F.adjust_brightness(x, factor), channels, factor=factor)
        put("adjust_contrast", lambda x: F.adjust_contrast(x, factor), channels, factor=factor)
        put("adjust_saturation", lambda x: F.adjust_saturation(x, factor), channels, factor=factor)
    for factor in (-0.5, -0.1, 0, 0.07, 0.4):
        put("adjust_hue", lambda x: F.adjust_hue(x, factor), channels, factor=factor)
    for threshold in (0.5, 0.25):
        put("solarize", lambda x: F.solarize(x, threshold), channels, steps=1, threshold=threshold)
    put("hflip", F.hflip, channels)
for factor in (-0.37, 0, 1 / 6, 0.25):
    put("adjust_hue", lambda x: F.adjust_hue(x, factor), 3, 9, 9, 1, factor=factor)
put("rgb_to_grayscale", lambda x: F.rgb_to_grayscale(x, 3))

for channels, height, width, size, sigma in [(1, 9, 8, 3, 0.1), (3, 7, 20, 5, 0.7),
                                             (1, 20, 17, 7, 1.0), (3, 15, 14, 13, 2.0),
                                             (1, 7, 40, 1, 3.0)]:
    put("gaussian_blur", lambda x: F.gaussian_blur(x, [size, size], [sigma, sigma]), channels,
        height, width, size=size, sigma=sigma)

# (channels, height, width) -> (top, left, height, width) -> (height, width)
for image, box, to in [((3, 8, 9), (0, 0, 8, 9), (8, 9)), ((3, 12, 13), (2, 3, 7, 5), (12, 13)),
                       ((1, 32, 32), (1, 4, 25, 27), (12, 10)),
                       ((1, 40, 31), (0, 0, 40, 31), (7, 9)), ((1, 9, 9), (4, 5, 1, 1), (4, 3)),
                       ((3, 16, 16), (3, 2, 11, 14), (8, 20)),
                       ((1, 6, 50), (2, 1, 3, 48), (5, 5)), ((1, 10, 10), (0, 0, 10, 10), (5, 5))]:
    put("resized_crop",
        lambda x: F.resized_crop(x, *box, list(to), InterpolationMode.BILINEAR, True), *image,
        top=box[0], left=box[1], h=box[2], w=box[3], to_h=to[0], to_w=to[1])

text = "\n".join(lines) + "\n"
if "--check" in sys.argv:
    old = PATH.read_text().split("\n")
    new = text.split("\n")
    same = len(old) == len(new)
    for a, b in zip(old, new):
        if a.startswith("values") and b.startswith("values"):
            x, y = (np.array(line.split()[2:], dtype=float) for line in (a, b))
            same = same and x.shape == y.shape and np.abs(x - y).max() <= 1e-6
        else:
            same = same and a == b
    sys.exit(0 if same else "views.txt is not what this script writes")
PATH.write_text(text)
