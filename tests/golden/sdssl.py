#!/usr/bin/env python3
"""Writes sdssl.txt: scikit-learn's KNeighborsClassifier with weights exp(cos / T) and its PCA, that
tests/algorithms/test_sdssl_evaluation.cpp holds ours against.

    python3 tests/golden/sdssl.py        needs scikit-learn 1.9

A line is a name and numbers. Features are uniform numbers of a stream less 0.5, the same on both
sides (tests/algorithms/sdssl_data.h); a class is the row's number by 3. Distances between
normalized vectors are |x - y|^2 = 2 - 2 cos, so scikit-learn's neighbours and weights are those of
the cosine, and predict_proba has each class's share of the weight.
"""
import os

import numpy as np
from sklearn.decomposition import PCA
from sklearn.neighbors import KNeighborsClassifier

HERE = os.path.dirname(os.path.abspath(__file__))


def unit(stream, n):
    h = (np.arange(n, dtype=np.uint64) + np.uint64(stream * 0x9E3779B9 % 2**32)).astype(np.uint32)
    h ^= h >> np.uint32(16)
    h *= np.uint32(0x85EBCA6B)
    h ^= h >> np.uint32(13)
    h *= np.uint32(0xC2B2AE35)
    h ^= h >> np.uint32(16)
    return (h >> np.uint32(8)).astype(np.float64) * 2.0**-24


def features(stream, n, d):
    return unit(stream, n * d).reshape(n, d) - 0.5


def normalized(x):
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def line(name, values):
    return f"{name} {' '.join(repr(float(v)) for v in np.ravel(values))}\n"


bank, queries = features(1, 60, 8), features(2, 12, 8)
out = ""
for name, k, temperature in (("paper", 20, 0.07), ("transfer", 20, 0.03), ("few", 5, 1.0),
                             ("one", 1, 0.07)):
    model = KNeighborsClassifier(k, weights=lambda d, t=temperature: np.exp((1 - d * d / 2) / t),
                                 algorithm="brute").fit(normalized(bank), np.arange(60) % 3)
    out += line(f"knn_{name}", model.predict_proba(normalized(queries)))
out += line("pca", np.abs(PCA(2, svd_solver="full").fit_transform(bank)))
with open(os.path.join(HERE, "sdssl.txt"), "w") as f:
    f.write(out)
