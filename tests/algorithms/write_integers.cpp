// write-integers FILE: a small net of 4-bit weights, as a method that trains at few bits leaves it.
#include <regrad/layers/export.h>

#include <exception>
#include <iostream>

using namespace regrad;

int main(int argc, char** argv) try {
  if (argc != 2) return 2;
  const NamedNetOptions o{.name = "tiny", .in_channels = 1, .size = 16, .classes = 3};
  const NamedNet net(Random(1), o);
  std::vector<LayerQuantization> q;
  Context ctx{.evaluate = [&](const Step& s, const std::function<Tensor()>& plain) {
    if (s.kind == Step::conv || s.kind == Step::linear) {
      MinMaxObserver seen(s.options.groups);
      seen.observe(s.x);
      q.push_back({.weights = {.bits = 4}, .inputs = {.bits = 8}, .input = seen.ranges()});
    }
    return plain();
  }};
  net(uniform(Random(2), {8, 1, 16, 16}), ctx);
  save_inference(export_net(net, o, {.quantization = q}), argv[1]);
  return 0;
} catch (const std::exception& e) {
  std::cerr << e.what() << "\n";
  return 1;
}
