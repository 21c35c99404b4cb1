// The parts of robust density estimation: kernel PCA and FastMCD of 3,000 rows, which
// peers/rde_sklearn.py has in scikit-learn, and what one text's score costs after its feature.
//
// Floors on one thread (b: bytes, F: flops): kernel PCA reads K (72 Mb) once a step of 12 vectors,
// some 50 steps: 3.6 Gb; the kernel is 6.9 GF by symmetry, the steps 11 GF, orthogonality 2 GF. One
// score reads the stored points (f32: 9.2 Mb) and the projection (2.4 Mb).
#include <regrad/algorithms/rde/rde.h>
#include <regrad/engine/functional.h>
#include <regrad/engine/linalg.h>
#include <regrad/engine/ops.h>
#include <regrad/engine/random.h>

#include <cmath>
#include <memory>

#include "numbers.h"
#include "program.h"

using namespace regrad;
using namespace regrad::bench;

namespace {

// Z M + 0.1 E
Tensor points() {
  const Tensor z = fill(1, {3000, 32}, 1).to(DType::f64), m = fill(2, {32, 768}, 1).to(DType::f64);
  return matmul(z, m) + (fill(3, {3000, 768}, 1) * 0.1).to(DType::f64);
}

Run kernel_pca() {
  const rde::KpcaOptions options{.components = 100, .gamma = 1.0 / 2731};
  const Tensor x = points();
  const rde::Kpca k = rde::kpca(x, options);
  Run run;
  run.checksum = {sum(k.values).item(), k.values.data<double>()[0], k.values.data<double>()[99],
                  sum(abs(k.fitted())).item()};
  run.step = [x, options] { rde::kpca(x, options).fitted(); };
  return run;
}

// U (I + 0.5 V), the first 150 rows moved by 5
Tensor shifted() {
  const Tensor y = fill(4, {3000, 100}, 1).to(DType::f64),
               mix = eye(100, DType::f64) + (fill(5, {100, 100}, 1) * 0.5).to(DType::f64);
  const Tensor moved = cat({full({150, 100}, 5, DType::f64), zeros({2850, 100}, DType::f64)}, 0);
  return matmul(y, mix) + moved;
}

// The checksum is the log-determinant alone: other random subsets end in other supports.
Run fast_mcd() {
  const Tensor y = shifted();
  const rde::McdOptions options{.consistency = rde::Consistency::normal};
  Run run;
  run.checksum = {slogdet(rde::mcd(y, options).covariance).logabsdet.item()};
  run.step = [y, options] { rde::mcd(y, options); };
  return run;
}

// One text of 3,000 stored ones, from its feature to its score.
template <DType t>
Run one_score() {
  const Tensor x = points().to(t);
  const rde::Rde guard = rde::Rde::fit(x, randint(Random(1), 0, 2, {3000}));
  const Tensor text = slice(x, 0, 7, 8) * 1.1, predicted = zeros({1}, DType::i64);
  Run run;
  run.checksum = {guard.score(text, predicted).item()};
  run.step = [=] {
    for (int i = 0; i < 100; ++i) guard.score(text, predicted);
  };
  run.units = 100;
  return run;
}

}  // namespace

int main(int argc, char** argv) {
  return run_program(argc, argv,
                     {{"rde_sklearn/kpca", kernel_pca},
                      {"rde_sklearn/mcd", fast_mcd},
                      {"rde_score/f32", one_score<DType::f32>},
                      {"rde_score/f64", one_score<DType::f64>}});
}
