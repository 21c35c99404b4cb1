#include <regrad/algorithms/experiment/data/device_scores.h>
#include <regrad/algorithms/rfn/experiment/measure.h>
#include <regrad/algorithms/rfn/information.h>
#include <regrad/engine/autograd.h>
#include <regrad/engine/ops.h>

#include <algorithm>

namespace regrad::relaxed_norm {
namespace {

// Test clips as every seen device has recorded them, at most so many per device. Every other clip
// teaches the classifier, the rest test it.
constexpr int64_t most_clips = 150;

// s, y: by device, so that a clip is in one half whoever recorded it.
double bound(const std::vector<Tensor>& s, const std::vector<Tensor>& y, int64_t classes,
             int64_t components) {
  const auto half = [](const std::vector<Tensor>& all, int64_t which) {
    std::vector<Tensor> out;
    for (const Tensor& t : all) out.push_back(slice(t, 0, which, t.size(0), 2));
    return cat(out, 0).contiguous();
  };
  return information(half(s, 0), half(y, 0), half(s, 1), half(y, 1), classes,
                     {.components = components});
}

}  // namespace

std::string nats(const std::string& of, const std::string& in, const std::string& place) {
  return "nats of " + of + ", " + in + ", " + place;
}

void measure_information(const experiment::Job& job, const Maps& maps_of,
                         const experiment::Recordings& data, experiment::Outcome& out) {
  std::vector<std::vector<Tensor>> channel, frequency;  // by place of the net, by device
  std::vector<Tensor> device, label;
  for (int64_t d = 0; d < data.seen; ++d) {
    const NoGrad quiet;
    const Tensor &x = data.test_x[static_cast<size_t>(d)], &y = data.test_y[static_cast<size_t>(d)];
    const int64_t every = (x.size(0) + most_clips - 1) / most_clips;
    const std::vector<Tensor> maps = maps_of(slice(x, 0, 0, x.size(0), every).contiguous());
    channel.resize(maps.size()), frequency.resize(maps.size());
    for (size_t p = 0; p < maps.size(); ++p)
      channel[p].push_back(channel_statistics(maps[p])),
          frequency[p].push_back(frequency_statistics(maps[p]));
    label.push_back(slice(y, 0, 0, y.size(0), every));
    device.push_back(full({label.back().size(0)}, static_cast<double>(d), DType::i64));
  }
  const std::tuple<const char*, const std::vector<Tensor>&, int64_t> labels[] = {
      {"device", device, data.seen}, {"class", label, data.class_count()}};
  static const char* const places[] = {"head", "stage 1"};
  experiment::Chart chart{"What statistics hold, " + experiment::title_of(job),
                          "after the head (0) and the stages", "nats"};
  for (const char* series :
       {"device, frequency", "device, channel", "class, frequency", "class, channel"})
    chart.series.push_back({series, {}, {}});
  for (size_t p = 0; p < channel.size(); ++p) {
    const std::pair<const char*, const std::vector<Tensor>&> kinds[] = {{"frequency", frequency[p]},
                                                                        {"channel", channel[p]}};
    const int64_t k = std::min(frequency[p][0].size(1), channel[p][0].size(1));
    auto series = chart.series.begin();
    for (const auto& [of, y, classes] : labels)
      for (const auto& [in, s] : kinds) {
        const double n = bound(s, y, classes, k);
        series->x.push_back(static_cast<double>(p)), (series++)->y.push_back(n);
        if (p < 2) add_score(job, nats(of, in, places[p]), n, out);
      }
  }
  out.figures.push_back(std::move(chart));
}

}  // namespace regrad::relaxed_norm
