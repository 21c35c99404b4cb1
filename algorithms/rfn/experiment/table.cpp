#include <regrad/algorithms/rfn/experiment/learner.h>
#include <regrad/algorithms/rfn/experiment/table.h>

namespace regrad::relaxed_norm {
namespace {

using namespace experiment;

class RfnTable : public SoundTable<Settings> {
 public:
  using SoundTable::SoundTable;

  Card card() const override {
    std::vector<MethodCard> cards = method_cards(methods());
    for (MethodCard& m : cards)
      if (preset_ == "tiny")
        m.by_default =
            m.name == "none" || m.name == "ifn" || m.name == "resnorm" || m.name == "rfn";
    return {"rfn",
            "RFN, relaxed instance frequency-wise normalization (Kim et al. 2022), beside other "
            "norms and augmentations: test accuracy in % on devices that training has no clip of.",
            {sounds_.task()},
            std::move(cards),
            on("unseen", variants().empty() ? "" : variants()[0]),
            Better::higher,
            "none"};
  }

  void choose(const std::string& task, const std::string& preset) override {
    preset_ = preset;
    Settings s;
    seeds_ = task == "digits" ? 5 : 3;
    if (task == "esc10" || task == "tau" || task == "folder")
      s.roll = 1.5, s.epochs = 30, s.devices = {"simulated", "microphones"};
    if (task == "folder") s.devices = {"simulated"};
    if (task == "tau") s.devices = {"recorded"};
    if (task == "scenes") s.devices = {"simulated", "sd0", "sd8"}, s.epochs = 20;
    if (preset == "tiny") s.epochs = 10, s.devices.resize(1), seeds_ = 3;
    if (preset == "long") s.epochs *= 2, s.tau = 2, seeds_ = 5;
    if (preset == "paper")
      s.tau = 8, s.epochs = 100, s.batch = 64, s.wide = true, s.roll = 1.5, seeds_ = 3;
    settings_ = s;
  }

  void check() const override {
    const Settings& s = settings_;
    const bool pooled = s.net == "pooled";
    need(pooled || s.net == "bcresnet", "net: bcresnet or pooled, not '" + s.net + "'");
    need(pooled || s.mels % 32 == 0, "mels: for bcresnet a multiple of 32");
    need(s.batch >= 2, "batch: at least 2, for batch norm's statistics");
    if (!pooled) regrad::check(BcResnetAscOptions{.tau = s.tau});
    sounds_.check(s, s);
  }

  bool has_row(const Job& job) const override {
    return settings_.net == "pooled" ||
           relaxed_norm::has_row(find_method(methods(), job.method), job.variant);
  }

  std::unique_ptr<Trial> trial(const Job& job) const override {
    return settings_.net == "pooled" ? of<PooledNet>(job) : of<BcResnetAsc>(job);
  }

  std::vector<Claim> claims(const Result& result) const override {
    return directions(result, variants());
  }

 private:
  template <class Net>
  std::unique_ptr<Trial> of(const Job& job) const {
    return std::make_unique<RfnTrial<Net>>(relaxed_norm::trial<Net>(
        job, settings_,
        sounds_.recorded(settings_, job.variant, Random(job.seed) / "recordings" / job.variant,
                         job.seed)));
  }

  std::string preset_ = {};
};

}  // namespace

std::unique_ptr<Experiment> rfn_table(const std::string& task) {
  return std::make_unique<RfnTable>(task);
}

}  // namespace regrad::relaxed_norm
