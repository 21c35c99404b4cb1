#include <regrad/algorithms/rfn/claims.h>

#include <algorithm>
#include <cmath>

namespace regrad::relaxed_norm {
namespace {

using experiment::Claim;
using experiment::Direction;
using experiment::Interval;
using experiment::Result;
using Lists = std::vector<std::vector<double>>;

const Lists* items_of(const Result& r, const std::string& method, const std::string& metric) {
  for (const auto& m : r.methods)
    for (const auto& [known, lists] : m.items)
      if (m.name == method && known == metric) return &lists;
  return nullptr;
}
const std::vector<double>* scores_of(const Result& r, const std::string& method,
                                     const std::string& metric) {
  for (const auto& m : r.methods)
    for (const auto& [known, values] : m.metrics)
      if (m.name == method && known == metric) return &values;
  return nullptr;
}

Lists less(const Lists& a, const Lists& b) {
  Lists out = a;
  for (size_t s = 0; s < a.size(); ++s)
    for (size_t i = 0; i < a[s].size(); ++i) out[s][i] -= b[s][i];
  return out;
}
Lists zeros(const Lists& like) { return less(like, like); }

struct Asked {
  const Result& result;
  std::vector<Claim> out = {};

  void add(const std::string& text, const Lists& a, const Lists& b, Direction claimed) {
    const Interval d = experiment::bootstrap_difference(a, b);
    out.push_back({text, experiment::verdict(d, claimed), d.mean, d.ci95});
  }
  // a's metric above (below) b's.
  void ask(const char* number, const std::string& a, const std::string& b,
           const std::string& metric, Direction claimed) {
    const Lists *x = items_of(result, a, metric), *y = items_of(result, b, metric);
    if (x && y)
      add(std::string(number) + ": " + metric + ": " + a +
              (claimed == Direction::above ? " above " : " below ") + b,
          *x, *y, claimed);
  }
  // The interval of a difference holds 0: nothing is seen, which is not the same as nothing being
  // there.
  void nothing(const std::string& text, const Lists& a, const Lists& b) {
    const Interval d = experiment::bootstrap_difference(a, b);
    out.push_back(
        {text,
         std::fabs(d.mean) <= d.ci95 ? experiment::Verdict::shown : experiment::Verdict::not_shown,
         d.mean, d.ci95});
  }
};

bool of_curves(const std::string& devices) { return devices.rfind("sd", 0) == 0; }

void first_to_fourth(Asked& q, const std::string& devices) {
  const auto at = [&](const char* metric) { return on(metric, devices); };
  const bool equal = devices == "sd0";
  if (!equal) {
    q.ask("1", "resnorm", "none", at("unseen"), Direction::above);
    q.ask("1", "rfn", "none", at("unseen"), Direction::above);
    q.ask("2", "ifn", "resnorm", at("gap"), Direction::below);
    q.ask("2", "resnorm", "none", at("gap"), Direction::below);
  }
  if (of_curves(devices))  // without compression
    if (const Lists* gap = items_of(q.result, "ifn-input", at("gap")))
      q.nothing("2: " + at("gap") + ": ifn-input's interval holds 0", *gap, zeros(*gap));
  if (equal) return;
  q.ask("3", "ifn", "resnorm", at("source"), Direction::below);
  q.ask("3", "resnorm-1", "resnorm", at("source"), Direction::above);
  q.ask("3", "rfn", "rfn-0.1", at("source"), Direction::above);
  q.ask("3", "rfn-0.9", "rfn", at("source"), Direction::above);
  q.ask("3", "rfn-0.1", "ifn", at("unseen"), Direction::above);
  q.ask("3", "rfn", "ifn", at("unseen"), Direction::above);
  q.ask("3", "rfn", "ln", at("unseen"), Direction::above);
  q.ask("4", "ifn-input", "in-input", at("unseen"), Direction::above);
}

// The best lambda falls as the devices spread: what RFN 0.1 has over RFN 0.5 on unseen devices
// grows from 4 to 8 dB.
void third_across(Asked& q) {
  const Lists *small8 = items_of(q.result, "rfn-0.1", on("unseen", "sd8")),
              *half8 = items_of(q.result, "rfn", on("unseen", "sd8")),
              *small4 = items_of(q.result, "rfn-0.1", on("unseen", "sd4")),
              *half4 = items_of(q.result, "rfn", on("unseen", "sd4"));
  if (small8 && half8 && small4 && half4)
    q.add("3: unseen: rfn-0.1 less rfn, at sd8 above the same at sd4", less(*small8, *half8),
          less(*small4, *half4), Direction::above);
}

// Equal devices: norms give no gain; what restyling gives there is plain regularisation, to be
// taken off its gain elsewhere.
void fifth(Asked& q) {
  const std::string metric = on("unseen", "sd0");
  const Lists* none = items_of(q.result, "none", metric);
  if (!none) return;
  for (const char* arm : {"ifn", "resnorm", "rfn"}) {
    const Lists* own = items_of(q.result, arm, metric);
    if (!own) continue;
    const Interval d = experiment::bootstrap_difference(*own, *none);
    const bool gain = experiment::verdict(d, Direction::above) == experiment::Verdict::shown;
    q.out.push_back({"5: " + metric + ": " + arm + " not above none",
                     gain ? experiment::Verdict::not_shown : experiment::Verdict::shown, d.mean,
                     d.ci95});
  }
  for (const char* arm : {"mixstyle", "freq-mixstyle"}) {
    const Lists *own = items_of(q.result, arm, metric),
                *far = items_of(q.result, arm, on("unseen", "sd8")),
                *base = items_of(q.result, "none", on("unseen", "sd8"));
    if (own && far && base)
      q.add(std::string("5: unseen: ") + arm + " less none, at sd8 above the same at sd0",
            less(*far, *base), less(*own, *none), Direction::above);
  }
}

void sixth(Asked& q, const std::string& devices) {
  const auto score = [&](const char* arm, const char* of, const char* in, const char* place) {
    return scores_of(q.result, arm, on(nats(of, in, place), devices));
  };
  const auto ask = [&](const std::string& text, const std::vector<double>* a,
                       const std::vector<double>* b, Direction d) {
    if (a && b) q.out.push_back(experiment::claim("6: " + text + "@" + devices, *a, *b, d));
  };
  for (const char* place : {"head", "stage 1"})
    ask(std::string("none: nats of device in frequency above channel statistics, ") + place,
        score("none", "device", "frequency", place), score("none", "device", "channel", place),
        Direction::above);
  for (const char* place : {"head", "stage 1"}) {
    const auto *d0 = score("none", "device", "frequency", place),
               *d1 = score("rfn", "device", "frequency", place),
               *c0 = score("none", "class", "frequency", place),
               *c1 = score("rfn", "class", "frequency", place);
    ask(std::string("nats of device in frequency statistics, ") + place + ": rfn below none", d1,
        d0, Direction::below);
    if (!(d0 && d1 && c0 && c1)) continue;
    std::vector<double> device(*d0), label(*c0);
    for (size_t i = 0; i < device.size(); ++i) device[i] -= (*d1)[i], label[i] -= (*c1)[i];
    ask(std::string("rfn takes more nats of device than of class from frequency statistics, ") +
            place,
        &device, &label, Direction::above);
  }
}

}  // namespace

std::string on(const std::string& metric, const std::string& devices) {
  return metric + "@" + devices;
}
std::string nats(const std::string& of, const std::string& in, const std::string& place) {
  return "nats of " + of + ", " + in + ", " + place;
}

std::vector<Claim> directions(const Result& result, const std::vector<std::string>& devices) {
  Asked q{result};
  for (const std::string& d : devices) first_to_fourth(q, d);
  third_across(q);
  fifth(q);
  for (const std::string& d : devices)
    if (d != "sd0") sixth(q, d);  // there a device is nothing that statistics could say
  std::stable_sort(q.out.begin(), q.out.end(),
                   [](const Claim& a, const Claim& b) { return a.text[0] < b.text[0]; });
  return q.out;
}

}  // namespace regrad::relaxed_norm
