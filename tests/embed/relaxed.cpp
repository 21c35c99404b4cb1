// What a recording device leaves in frequency statistics, before and after relaxed and whole IFN.
#include <regrad/algorithms/rfn/information.h>
#include <regrad/regrad.h>

#include <cstdio>

using namespace regrad;
using namespace regrad::relaxed_norm;

int main() {
  const Random r(1);
  // log-mel spectrograms [N,1,16,30] by two devices, each with a curve over the 16 bands
  const Tensor device = randint(r / "device", 0, 2, {200}),
               curves = normal(r / "curves", {2, 16}, 0, 0.3),
               x = normal(r / "x", {200, 1, 16, 30}) +
                   reshape(index_select(curves, 0, device), {200, 1, 16, 1});
  const auto nats = [&](const Tensor& map) {  // of the device, learned on every other clip
    const Tensor s = frequency_statistics(map);
    return information(slice(s, 0, 0, 200, 2), slice(device, 0, 0, 200, 2), slice(s, 0, 1, 200, 2),
                       slice(device, 0, 1, 200, 2), 2);
  };
  const double before = nats(x), relaxed = nats(rfn(x, 0.5)), whole = nats(ifn(x));
  std::printf("nats of the device: %.2f, after RFN %.2f, after IFN %.2f\n", before, relaxed, whole);
  return before > 0.3 && relaxed > 0.3 && whole < 0.1 ? 0 : 1;
}
