// What a picture shows, by a net that `regrad-sparse export` wrote: classify net.safetensors
// PICTURE.. (PNG or JPEG). Linked are regrad::inference and regrad::datasets; there is no training
// code in it.
#include <regrad/datasets/image_folder.h>
#include <regrad/engine/ops.h>
#include <regrad/layers/inference/inference.h>

#include <cstdio>
#include <exception>

using namespace regrad;

int main(int argc, char** argv) try {
  if (argc < 3) return std::fprintf(stderr, "classify NET PICTURE..\n"), 2;
  const InferenceNet net = load_inference(argv[1]);
  const InferenceInfo& info = net.info();
  for (int i = 2; i < argc; ++i) {
    const ImageFolderOptions size{
        .height = info.height, .width = info.width, .channels = static_cast<int>(info.channels)};
    Tensor x = load_picture(argv[i], size).to(DType::f32) / 255.0;
    if (!info.mean.empty()) {
      const Shape per{info.channels, 1, 1};
      x = (x - from_data(info.mean.data(), per, DType::f32)) /
          from_data(info.deviation.data(), per, DType::f32);
    }
    const Tensor p = softmax(net(x.unsqueeze(0)), -1)[0];
    const auto best = static_cast<size_t>(argmax(p, 0).item());
    std::printf(
        "%s: %s %.1f%%\n", argv[i],
        best < info.classes.size() ? info.classes[best].c_str() : std::to_string(best).c_str(),
        100 * p.to_vector()[best]);
  }
  return 0;
} catch (const std::exception& e) {
  return std::fprintf(stderr, "classify: %s\n", e.what()), 1;
}
