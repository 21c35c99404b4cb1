// Features of any classifier, in .npy files, guard it: texts far from what it was trained on, by
// robust density estimation.
#include <regrad/algorithms/rde/rde.h>
#include <regrad/engine/io/npy.h>
#include <regrad/regrad.h>

#include <cstdio>
#include <filesystem>

using namespace regrad;

int main() {
  const auto folder = std::filesystem::temp_directory_path();
  const std::string features = folder / "regrad-features.npy",
                    labels = folder / "regrad-labels.npy",
                    file = folder / "regrad-guard.safetensors";
  const Random random(7);  // in place of your classifier's last hidden layer, on its training set
  save_npy(labels, randint(random / "labels", 0, 2, {600}));
  save_npy(features, normal(random / "features", {600, 32}) +
                         4 * unsqueeze(load_npy(labels), 1).to(DType::f32));

  const rde::Rde guard = rde::Rde::fit(load_npy(features), load_npy(labels), {.components = 20});
  guard.save(file);
  const rde::Rde loaded = rde::Rde::load(file);

  // five texts of class 0, and five that were moved half of the way to class 1
  const Tensor clean = normal(random / "new", {5, 32}), moved = clean + 2,
               both = cat({clean, moved}, 0);
  const Tensor score = loaded.score(both, zeros({10}, DType::i64));
  std::printf("clean %.0f, moved %.0f\n", mean(slice(score, 0, 0, 5)).item(),
              mean(slice(score, 0, 5, 10)).item());
  for (const std::string& name : {features, labels, file}) std::filesystem::remove(name);
  return amax(slice(score, 0, 0, 5)).item() < amin(slice(score, 0, 5, 10)).item() ? 0 : 1;
}
