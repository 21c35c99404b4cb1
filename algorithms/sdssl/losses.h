// The losses of SimCLR, BYOL and MoCo v3 on projections, and where self-distillation puts them:
// between a lower layer and the last one (Jang et al., WACV 2023; text-and-ssl.md 2.2). All cosine:
// rows are divided by their norms here.
#pragma once

#include <regrad/engine/functional.h>

#include <vector>

namespace regrad::sdssl {

// NT-Xent (Chen et al. 2020, eq. 1): 2B views z = [first views; second views] [2B,d]; of each
// anchor the other view of its image against the 2B - 1 other views, mean over anchors of
//   -log exp(z_i.z_j / tau) / sum_{k != i} exp(z_i.z_k / tau)
// Anchors may be others than the candidates: q [A 2B,d], A stacks of 2B anchors each, against z
// [2B,d]; an anchor's own view is masked out there too. ShapeError: rows that are no multiple.
Tensor nt_xent(const Tensor& q, const Tensor& z, double tau);
inline Tensor nt_xent(const Tensor& z, double tau) { return nt_xent(z, z, tau); }

// MoCo v3's InfoNCE: 2 tau times the mean over anchors of the cross-entropy of q_i.k_j / tau with j
// the anchor's own image. q [A B,d] (A stacks of B), k [B,d].
Tensor info_nce(const Tensor& q, const Tensor& k, double tau);

// BYOL: mean over anchors of 2 - 2 cos(q_i, k_i). q [A B,d], k [B,d].
Tensor byol(const Tensor& q, const Tensor& k);

}  // namespace regrad::sdssl
