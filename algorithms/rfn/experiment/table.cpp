#include <regrad/algorithms/experiment/unused.h>
#include <regrad/algorithms/rfn/experiment/learner.h>
#include <regrad/algorithms/rfn/experiment/table.h>

#include <cmath>

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
            // devices none: there is one device, and training has it
            variants().empty()        ? "unseen"
            : variants()[0] == "none" ? on("source", "none")
                                      : on("unseen", variants()[0]),
            Better::higher,
            "none",
            {},
            {"rfn"}};
  }

  void choose(const std::string& task, const std::string& preset) override {
    preset_ = preset;
    Settings s;
    const bool folds = task == "esc10";  // a fold a seed
    seeds_ = task == "digits" || folds ? 5 : 3;
    if (task == "esc10" || task == "tau" || task == "folder")
      s.roll = 1.5, s.epochs = 30, s.devices = {"simulated", "microphones"};
    if (task == "folder") s.devices = {"simulated"};
    if (task == "tau") s.devices = {"recorded"};
    if (task == "scenes") s.devices = {"simulated", "sd0", "sd8"}, s.epochs = 20;
    if (preset == "tiny") s.epochs = 10, s.devices.resize(1), seeds_ = 3;
    if (preset == "long") s.epochs *= 2, s.tau = 2, seeds_ = 5;
    if (preset == "paper") paper(front_end(task, true), s), seeds_ = folds ? 5 : 3;
    settings_ = s;
  }

  void check() const override {
    const Settings& s = settings_;
    const bool pooled = s.net == "pooled", keywords = s.net == "bcresnet-kws";
    need(pooled || keywords || s.net == "bcresnet",
         "net: bcresnet, bcresnet-kws or pooled, not '" + s.net + "'");
    need(s.batch >= 2, "batch: at least 2, for batch norm's statistics");
    if (keywords) {
      need(s.mels == 0 || (s.mels >= 40 && (s.mels % 32 == 0 || s.mels % 40 == 0)),
           "mels: for bcresnet-kws a multiple of 32 or 40, at least 40");
      need(4 * s.tau == std::floor(4 * s.tau), "tau: for bcresnet-kws a multiple of 1/4");
    } else if (!pooled) {
      need(s.mels % 32 == 0, "mels: for bcresnet a multiple of 32");
      regrad::check(BcResnetAscOptions{.tau = s.tau});
    }
    sounds_.check(s, s);
  }

  std::string unused(const std::string& key, const std::vector<std::string>& names) const override {
    const Settings& s = settings_;
    const auto none = [&](auto&& of) {
      return !any_of(names, [&](const auto& name) { return of(find_method(methods(), name)); });
    };
    const auto changes = [&](Change c, Change or_this) {
      return none([=](const Method& m) { return m.change == c || m.change == or_this; });
    };
    const auto no = [&](Change c) { return changes(c, c); };
    const bool pooled = s.net == "pooled";
    const std::string alone = "no method of the table is ";
    const std::string why = reason(
        key,
        {{"tau dropout information", pooled, "the pooled net has none of it (net)"},
         {"information", none([](const Method& m) { return m.where & measured; }),
          "it is measured of none, ifn and rfn alone"},
         {"mix_p mix_alpha", changes(Change::mix_style, Change::mix_style_inside),
          alone + "mixstyle or mixstyle-inside"},
         {"mix_alpha", s.mix_p == 0, "no batch is restyled (mix-p)"},
         {"freq_mix_p freq_mix_alpha", no(Change::freq_mix_style), alone + "freq-mixstyle"},
         {"freq_mix_alpha", s.freq_mix_p == 0, "no batch is restyled (freq-mix-p)"},
         {"cross_share", changes(Change::cross_grad, Change::clipped_cross_grad),
          alone + "crossgrad or crossgrad-clipped"},
         {"cross_step", no(Change::cross_grad), alone + "crossgrad"},
         {"clipped_step cross_clip", no(Change::clipped_cross_grad), alone + "crossgrad-clipped"},
         {"cross_clip", s.clipped_step == 0, "inputs are not moved (clipped-step)"},
         {"cross_step clipped_step cross_clip", s.cross_share == 0,
          "moved inputs have no share of the loss"}});
    return why.empty() ? SoundTable::unused(key, names) : why;
  }

  bool has_row(const Job& job) const override {
    const Method m = find_method(methods(), job.method);
    if (settings_.net == "pooled") return m.change != Change::mix_style_inside;  // it has no stages
    return relaxed_norm::has_row(m, job.variant);
  }

  std::unique_ptr<Trial> trial(const Job& job) const override {
    if (settings_.net == "pooled") return of<PooledNet>(job);
    if (settings_.net == "bcresnet-kws") return of<KeywordNet>(job);
    return of<BcResnetAsc>(job);
  }

  std::vector<Claim> claims(const Result& result) const override {
    return directions(result, variants());
  }

 private:
  // audio.md section 1. Its masks are for spectrograms of 256 x 334; others get the same shares.
  static void paper(const FrontEnd& front, Settings& s) {
    s.tau = 8, s.epochs = 100, s.batch = 64, s.wide = true, s.roll = 1.5, s.mixup = 0.3;
    s.mask_mels = static_cast<int>(40 * front.mel.mels / 256);
    s.mask_frames = static_cast<int>(80 * front.mel.frames(front.samples) / 334);
  }

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
