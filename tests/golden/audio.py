#!/usr/bin/env python3
"""Writes audio.txt: STFTs, mel filter banks and mel spectrograms by librosa and torchaudio, a cubic
spline by scipy, speech commands' split by hashlib.

    python3 tests/golden/audio.py            # needs librosa, torch, torchaudio and scipy; writes
                                             # audio.txt beside this file
    python3 tests/golden/audio.py --check    # exits 1 where the committed file differs from what it
                                             # would write by more than 1e-5

The signal is the same formula on both sides: x[i] = 0.4 sin(i^2 / 5000) + 0.3 cos(0.37 i) + 0.1
((7919 i mod 1009) / 1009 - 0.5), f64 rounded to f32. Lines: 'case NAME samples key=value...', then
'values SHAPE numbers', rounded to 7 digits. Of spectrograms every third row and fourth frame is
kept, of filters every fifth.
"""
import hashlib
import pathlib
import sys

import librosa
import numpy as np
import scipy.interpolate
import torch
import torchaudio

PATH = pathlib.Path(__file__).with_name("audio.txt")
lines = []


def signal(n):
    i = np.arange(n, dtype=np.float64)
    return (0.4 * np.sin(i * i / 5000) + 0.3 * np.cos(0.37 * i)
            + 0.1 * ((7919 * i) % 1009 / 1009 - 0.5)).astype(np.float32)


def put(name, values, samples=0, **settings):
    values = np.asarray(values)
    lines.append(" ".join(["case", name, str(samples)] + [f"{k}={v}" for k, v in settings.items()]))
    lines.append("values [" + ",".join(map(str, values.shape)) + "] " +
                 " ".join(f"{v:.7g}" for v in values.ravel()))


def thin(s):
    return s[::3, ::4]


for n, n_fft, window, hop, center in [(3000, 256, 256, 100, 1), (3000, 256, 200, 77, 1),
                                      (500, 128, 101, 64, 0), (61, 96, 96, 24, 1),
                                      (40, 256, 256, 64, 1)]:
    x = signal(n)
    ours = dict(n_fft=n_fft, window=window, hop=hop, center=center)
    z = librosa.stft(x, n_fft=n_fft, win_length=window, hop_length=hop, center=bool(center),
                     pad_mode="reflect")
    if n > n_fft // 2:
        t = torch.stft(torch.from_numpy(x), n_fft, hop, window, torch.hann_window(window),
                       bool(center), "reflect", return_complex=True).numpy()
        assert t.shape == z.shape and np.abs(t - z).max() < 1e-4
    put("stft", np.stack([thin(z.real), thin(z.imag)], -1), n, **ours)

for rate, n_fft, mels, low, high, scale, norm in [(16000, 2048, 256, 0, 8000, "htk", "none"),
                                                  (16000, 2048, 256, 0, 8000, "slaney", "slaney"),
                                                  (8000, 256, 40, 50, 3800, "slaney", "none"),
                                                  (8000, 256, 40, 0, 4000, "htk", "slaney"),
                                                  (44100, 1024, 64, 20, 20000, "slaney", "slaney")]:
    ours = dict(rate=rate, n_fft=n_fft, mels=mels, f_min=low, f_max=high, scale=scale, norm=norm)
    f = librosa.filters.mel(sr=rate, n_fft=n_fft, n_mels=mels, fmin=low, fmax=high,
                            htk=scale == "htk", norm=None if norm == "none" else norm)
    t = torchaudio.functional.melscale_fbanks(n_fft // 2 + 1, low, high, mels, rate,
                                              None if norm == "none" else norm, scale).T.numpy()
    assert np.abs(f - t).max() < 1e-4 * f.max()
    rows = f[::13]
    put("filters", [[m, k, rows[m, k]] for m, k in zip(*np.nonzero(rows))], **ours)

for maker, n, rate, n_fft, window, hop, mels, scale, norm, power in [
    ("librosa", 4000, 16000, 512, 480, 160, 40, "slaney", "slaney", 2),
    ("librosa", 4000, 8000, 256, 256, 80, 64, "htk", "none", 1),
    ("torchaudio", 4000, 16000, 512, 480, 160, 40, "htk", "none", 2),
    ("torchaudio", 5000, 16000, 2048, 2048, 480, 256, "slaney", "slaney", 2)]:
    x = signal(n)
    ours = dict(rate=rate, n_fft=n_fft, window=window, hop=hop, mels=mels, scale=scale, norm=norm,
                power=power)
    if maker == "librosa":
        s = librosa.feature.melspectrogram(y=x, sr=rate, n_fft=n_fft, win_length=window,
                                           hop_length=hop, n_mels=mels, htk=scale == "htk",
                                           norm=None if norm == "none" else norm, power=power,
                                           pad_mode="reflect")
    else:
        s = torchaudio.transforms.MelSpectrogram(rate, n_fft, window, hop, n_mels=mels,
                                                 norm=None if norm == "none" else norm,
                                                 mel_scale=scale,
                                                 power=power)(torch.from_numpy(x)).numpy()
    put("log_mel", thin(np.log(s.astype(np.float64) + 1e-6)), n, **ours)

gains = [-15, -6, 2, 5, 2, -3, -8, -12]
at = np.linspace(0, 4000, 41)
mel = 2595 * np.log10(1 + at / 700)
spline = scipy.interpolate.CubicSpline(np.linspace(0, 2595 * np.log10(1 + 4000 / 700), 8), gains)
put("spline", spline(mel), rate=8000)

names = [f"{i * 2654435761 % 2**32:08x}_nohash_{i % 3}.wav" for i in range(60)]
for name in names:
    base = name[:name.index("_nohash_")]
    percent = (int(hashlib.sha1(base.encode()).hexdigest(), 16) % 2**27) * (100.0 / (2**27 - 1))
    put("hash", [0 if percent < 10 else 1 if percent < 20 else 2], file=name)

text = "\n".join(lines) + "\n"


def numbers(words):
    return np.array([float(w) for w in words])


if "--check" in sys.argv:
    old = PATH.read_text().splitlines()
    same = len(old) == len(lines)
    for a, b in zip(old, lines):
        a, b = a.split(), b.split()
        if a[:2] != b[:2] or a[0] == "case":
            same = same and a == b
            continue
        x, y = numbers(a[2:]), numbers(b[2:])
        same = same and np.abs(x - y).max() <= 1e-5 * max(1, np.abs(y).max())
    sys.exit(0 if same else "audio.txt differs")
PATH.write_text(text)
