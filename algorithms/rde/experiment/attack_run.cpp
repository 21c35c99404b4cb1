#include <regrad/algorithms/rde/experiment/trial.h>
#include <regrad/engine/error.h>
#include <regrad/engine/ops.h>

namespace regrad::rde {
namespace {

// Numbers of a text in a checkpoint, in this order; the first is 0 where it is not done.
enum Number {
  state,
  original_output,
  original_score,
  end_output,
  end_score,
  end_queries,
  flip_output,
  flip_score,
  flip_queries,
  numbers
};

AttackResult result(const AttackedText& a, bool far) {
  if (a.outcome == AttackOutcome::skipped) return AttackResult::skipped;
  return a.won(far) ? AttackResult::successful : AttackResult::failed;
}

}  // namespace

AttackedSet attacked_set(const TableSettings& s, const TextData& data) {
  AttackedSet out{first_of(data.test, s.attacked), 0};
  out.tests = out.texts.size();
  if (!data.attack_validation) return out;
  const TextSet more = first_of(data.validation, s.attacked);
  out.texts.texts.insert(out.texts.texts.end(), more.texts.begin(), more.texts.end());
  out.texts.labels.insert(out.texts.labels.end(), more.labels.begin(), more.labels.end());
  return out;
}

AttackRun::AttackRun(const AttackRow& row, Sources sources, const AttackedSet& set,
                     const Classifier& classifier, const TableSettings& s)
    : row_(row),
      candidates_(std::make_shared<const Candidates>(row, std::move(sources))),
      confident_(s.confident),
      labels_(set.texts.labels),
      most_(s.most),
      tests_(set.tests),
      done_(set.texts.texts.size()) {
  for (const std::string& t : set.texts.texts) patterns_.push_back(classifier.pattern(t));
}

void AttackRun::attack(int64_t i, const Classifier& classifier) {
  const Pattern& p = pattern(i);
  done_[static_cast<size_t>(i)] =
      attacked(classifier.victim(p), p.words(), label(i), candidates_->attack(confident_, p));
}

void AttackRun::pretend() {
  for (size_t t = 0; t < done_.size(); ++t)
    if (const Stand as_it_is{patterns_[t].words()}; !done_[t])
      done_[t] = {.outcome = AttackOutcome::successful, .end = as_it_is, .flip = as_it_is};
}

double AttackRun::success() const {
  double won = 0, tried = 0;
  for (int64_t i = 0; i < tests_; ++i)
    if (const auto& a = done_[static_cast<size_t>(i)]; a && a->outcome != AttackOutcome::skipped)
      ++tried, won += a->won(false);
  return tried == 0 ? 0 : 100 * won / tried;
}

std::vector<Attacked> AttackRun::log(bool far) const {
  std::vector<Attacked> out;
  for (int64_t i = 0; i < texts(); ++i) {
    const std::optional<AttackedText>& a = done_[static_cast<size_t>(i)];
    if (!a) continue;
    const Stand& at = !far && a->flip ? *a->flip : a->end;
    const Pattern& p = pattern(i);
    out.push_back({result(*a, far), p.marked(at.words, p.words()), p.marked(at.words, at.words),
                   label(i), a->original_output, at.output, a->original_score, at.score,
                   at.queries});
  }
  return out;
}

// Of each word 0 where it stands as it was, else the number of what stands in its place.
Tensor AttackRun::words_tensor(bool flip) const {
  std::vector<int64_t> out(done_.size() * static_cast<size_t>(most_), 0);
  for (size_t t = 0; t < done_.size(); ++t) {
    if (!done_[t] || (flip && !done_[t]->flip)) continue;
    const Stand& at = flip ? *done_[t]->flip : done_[t]->end;
    for (const size_t i : at.changed) {
      out[t * static_cast<size_t>(most_) + i] =
          candidates_->number(patterns_[t].words()[i], at.words[i]);
    }
  }
  return tensor(out).reshape({texts(), most_});
}

Tensor AttackRun::numbers_tensor() const {
  std::vector<double> out(done_.size() * numbers, 0);
  for (size_t t = 0; t < done_.size(); ++t) {
    if (!done_[t]) continue;
    const AttackedText& a = *done_[t];
    double* to = out.data() + t * numbers;
    to[state] = 1 + static_cast<double>(a.outcome);
    to[original_output] = static_cast<double>(a.original_output);
    to[original_score] = a.original_score;
    to[end_output] = static_cast<double>(a.end.output), to[end_score] = a.end.score;
    to[end_queries] = static_cast<double>(a.end.queries);
    if (!a.flip) continue;
    to[flip_output] = static_cast<double>(a.flip->output), to[flip_score] = a.flip->score;
    to[flip_queries] = static_cast<double>(a.flip->queries);
  }
  return tensor(out, {texts(), numbers}, DType::f64);
}

// Changed positions come back in the order of the text.
Stand AttackRun::stand(size_t t, const Tensor& words) const {
  const Words& own = patterns_[t].words();
  Stand out{own};
  const int64_t* at = words.data<int64_t>() + static_cast<int64_t>(t) * most_;
  for (size_t i = 0; i < own.size(); ++i) {
    if (at[i] == 0) continue;
    out.words[i] = candidates_->numbered(own[i], at[i]);
    out.changed.push_back(i);
  }
  return out;
}

void AttackRun::restore(const Tensor& end, const Tensor& flip, const Tensor& all) {
  for (size_t t = 0; t < done_.size(); ++t) {
    const double* from = all.data<double>() + t * numbers;
    done_[t] = {};
    if (from[state] == 0) continue;
    AttackedText a;
    a.outcome = static_cast<AttackOutcome>(static_cast<int>(from[state]) - 1);
    a.original_output = static_cast<int64_t>(from[original_output]);
    a.original_score = from[original_score];
    a.end = stand(t, end);
    a.end.output = static_cast<int64_t>(from[end_output]), a.end.score = from[end_score];
    a.end.queries = static_cast<int64_t>(from[end_queries]);
    if (from[flip_queries] > 0) {
      a.flip = stand(t, flip);
      a.flip->output = static_cast<int64_t>(from[flip_output]);
      a.flip->score = from[flip_score];
      a.flip->queries = static_cast<int64_t>(from[flip_queries]);
    }
    done_[t] = std::move(a);
  }
}

void AttackRun::state_parts(const std::function<void(const std::string&, Tensor&)>& part) {
  Tensor end = words_tensor(false), flip = words_tensor(true), all = numbers_tensor();
  const std::string name = row_.name;
  part(name + ".end", end), part(name + ".flip", flip), part(name + ".numbers", all);
  restore(end.contiguous(), flip.contiguous(), all.contiguous());
}

}  // namespace regrad::rde
