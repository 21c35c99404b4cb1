#!/usr/bin/env python3
"""Writes rde.txt: figures of scikit-learn (KernelPCA, MinCovDet), statsmodels (DetMCD) and SciPy
(chi2) that tests/algorithms/test_rde_*.cpp hold ours against.

    python3 tests/golden/rde.py        needs scikit-learn 1.9, statsmodels, scipy

A line is a name and numbers. The data are those of tests/algorithms/rde_data.h, bit for bit: sums
of four uniform numbers, columns mixed one by one. Up to 0.24 scikit-learn corrected by the median
distance, without a factor after the reweighting; `median` is that, by its formulas from the raw
estimate (compared once with scikit-learn 1.5.2, which still did so: equal to 1e-12).
"""
import os

import numpy as np
from scipy.stats import chi2
from sklearn.covariance import MinCovDet
from sklearn.decomposition import KernelPCA
from statsmodels.robust.covariance import CovDetMCD

HERE = os.path.dirname(os.path.abspath(__file__))


def unit(stream, n):
    h = (np.arange(n, dtype=np.uint64) + np.uint64(stream * 0x9E3779B9 % 2**32)).astype(np.uint32)
    h ^= h >> np.uint32(16)
    h *= np.uint32(0x85EBCA6B)
    h ^= h >> np.uint32(13)
    h *= np.uint32(0xC2B2AE35)
    h ^= h >> np.uint32(16)
    return (h >> np.uint32(8)).astype(np.float64) * 2.0**-24


def bell(stream, n, p):
    u = unit(stream, 4 * n * p).reshape(n * p, 4)
    return ((u[:, 0] + u[:, 1] + u[:, 2] + u[:, 3] - 2) * np.sqrt(3.0)).reshape(n, p)


def mixed(stream, n, p, outliers):
    """Columns of growing deviation, each with half of the one before; the first rows ten times as
    far out."""
    x = bell(stream, n, p)
    for j in range(1, p):
        x[:, j] = x[:, j] * (1 + j) + 0.5 * x[:, j - 1]
    x[:outliers] *= 10
    return x


def line(name, values):
    return f"{name} {' '.join(repr(float(v)) for v in np.ravel(values))}\n"


def bits(mask):
    """As 16 bits a number."""
    m = np.append(mask.astype(int), np.zeros(-len(mask) % 16, dtype=int)).reshape(-1, 16)
    return m @ (1 << np.arange(16))


def kernel_pca():
    x, q = mixed(11, 60, 8, 0), mixed(12, 5, 8, 0)
    out = ""
    for kernel in ("rbf", "linear"):
        m = KernelPCA(n_components=7, kernel=kernel, eigen_solver="dense").fit(x)
        out += line(f"kpca_{kernel}_values", m.eigenvalues_)
        out += line(f"kpca_{kernel}_fitted", np.abs(m.transform(x))[:5])
        out += line(f"kpca_{kernel}_mapped", np.abs(m.transform(q)))
    return out


def by_median(x, m):
    """(location, covariance, support) as scikit-learn 0.24 has them."""
    d = x - m.raw_location_
    d2 = np.einsum("ij,ij->i", d @ np.linalg.inv(m.raw_covariance_), d)
    p = x.shape[1]
    keep = d2 / (np.median(d2) / chi2(p).isf(0.5)) < chi2(p).isf(0.025)
    return x[keep].mean(0), np.cov(x[keep].T, bias=True), keep


def mcd():
    out = ""
    for name, n, p, share in (("small", 400, 3, 4), ("blocks", 800, 5, 4), ("pool", 1600, 6, 5)):
        x = mixed(20 + p, n, p, n // share)
        best = MinCovDet(random_state=0).fit(x)
        out += line(f"mcd_{name}_raw_log_det", np.linalg.slogdet(best.raw_covariance_)[1])
        out += line(f"mcd_{name}_raw_support", bits(best.raw_support_))
        out += line(f"mcd_{name}_raw_covariance", best.raw_covariance_)
        out += line(f"mcd_{name}_normal_location", best.location_)
        out += line(f"mcd_{name}_normal_covariance", best.covariance_)
        out += line(f"mcd_{name}_normal_support", bits(best.support_))
        location, covariance, keep = by_median(x, best)
        out += line(f"mcd_{name}_median_location", location)
        out += line(f"mcd_{name}_median_covariance", covariance)
        out += line(f"mcd_{name}_median_support", bits(keep))
        h = int(best.raw_support_.sum())
        det = CovDetMCD(x).fit(h, reweight=False)
        d = x - det.mean
        d2 = np.einsum("ij,ij->i", d @ np.linalg.inv(det.cov), d)
        keep = d2 <= np.sort(d2)[h - 1]
        out += line(f"det_mcd_{name}_raw_log_det",
                    np.linalg.slogdet(np.cov(x[keep].T, bias=True))[1])
        out += line(f"det_mcd_{name}_support", bits(keep))
    return out


def chi_squared():
    out = ""
    for p in (1, 2, 3, 5, 10, 100, 768, 100000):
        for q in (1e-6, 0.025, 0.5, 0.975, 0.999999):
            out += line(f"chi2_{p}_{q!r}", [chi2(p).ppf(q) if q < 0.9 else chi2(p).isf(1 - q)])
    for x, p in ((0.3, 1), (5.0, 5), (90.0, 100), (700.0, 768), (1000.0, 768)):
        out += line(f"chi2_cdf_{p}_{x!r}", [chi2(p).cdf(x)])
    return out


if __name__ == "__main__":
    text = kernel_pca() + mcd() + chi_squared()
    with open(os.path.join(HERE, "rde.txt"), "w") as f:
        f.write(text)
