#!/usr/bin/env python3
"""Kernel PCA and FastMCD in scikit-learn: the parts of robust density estimation.

rde_sklearn/kpca: X [3000,768] = Z M + 0.1 E in f64, RBF kernel with gamma 1/2731, centred, 100
components, by the eigensolver that the peer is named by. Its randomized solver is left out: its
eigenvalues sum to 1111.212, not to 1111.916.
rde_sklearn/mcd: Y [3000,100], the first 150 rows moved by 5, MinCovDet as it comes. Other random
subsets end in other supports, so the log-determinant alone is compared.
"""
import sys

sys.dont_write_bytecode = True
from common import fill, main  # noqa: E402


def load(peer, threads):
    import sklearn.covariance  # noqa: F401
    import sklearn.decomposition  # noqa: F401


def kernel_pca(solver):
    import numpy as np
    from sklearn.decomposition import KernelPCA
    x = (fill(1, (3000, 32), 1).astype(float) @ fill(2, (32, 768), 1).astype(float) +
         np.float32(0.1) * fill(3, (3000, 768), 1))

    def step():
        m = KernelPCA(n_components=100, kernel="rbf", gamma=1 / 2731, eigen_solver=solver,
                      random_state=0)
        return m, m.fit_transform(x)
    m, scores = step()
    values = m.eigenvalues_
    return [values.sum(), values[0], values[99], np.abs(scores).sum()], step, 1


def mcd():
    import numpy as np
    from sklearn.covariance import MinCovDet
    mix = np.eye(100) + (np.float32(0.5) * fill(5, (100, 100), 1)).astype(float)
    y = fill(4, (3000, 100), 1).astype(float) @ mix
    y[:150] += 5

    def step():
        return MinCovDet(random_state=0).fit(y)
    return [np.linalg.slogdet(step().covariance_)[1]], step, 1


def make(peer, workload, threads):
    return mcd() if workload.endswith("mcd") else kernel_pca(peer.split()[1])


if __name__ == "__main__":
    main(__doc__, load, make)
