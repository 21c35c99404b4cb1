// Features of any classifier, in .npy files, guard it against texts that lie where its training
// texts do not.
#include <regrad/algorithms/rde/rde.h>
#include <regrad/engine/io/npy.h>
#include <regrad/regrad.h>

#include <cstdio>
#include <filesystem>

using namespace regrad;

int main() {
  const std::string folder = std::filesystem::temp_directory_path() / "regrad-detect-";
  const Random random(7);  // in place of a classifier's last hidden layer and its training labels
  const Tensor y = randint(random / "y", 0, 2, {600}), one = unsqueeze(y, 1).to(DType::f32);
  save_npy(folder + "y.npy", y);
  save_npy(folder + "x.npy", normal(random / "x", {600, 32}) + 1.5 * one);

  const Tensor features = load_npy(folder + "x.npy"), labels = load_npy(folder + "y.npy");
  rde::Rde::fit(features, labels, {.components = 20}).save(folder + "guard.safetensors");
  const rde::Rde guard = rde::Rde::load(folder + "guard.safetensors");

  const Tensor clean = normal(random / "new", {50, 32}), attacked = clean + 0.6;
  const Tensor predicted = zeros({50}, DType::i64);
  const double usual = mean(guard.score(clean, predicted)).item(),
               odd = mean(guard.score(attacked, predicted)).item();
  std::printf("clean texts %.0f, attacked ones %.0f\n", usual, odd);
  for (const char* f : {"x.npy", "y.npy", "guard.safetensors"}) std::filesystem::remove(folder + f);
  return odd > 1.5 * usual ? 0 : 1;
}
