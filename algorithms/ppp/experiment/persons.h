// Labelled examples of several persons: what --task and --data mean to regrad-ppp.
#pragma once

#include <regrad/algorithms/experiment/data/inputs.h>
#include <regrad/algorithms/ppp/experiment/settings.h>
#include <regrad/datasets/images.h>

namespace regrad::ppp {

using experiment::Inputs;
using experiment::inputs_of;

// Places of a person's examples. Nothing of `test` or `validation` is in `train`; nothing of `test`
// is in `pool`, from which the few examples that stand for the person are drawn (it overlaps
// `train`, as the digits' takes 5 to 14 do).
struct Person {
  std::string name;
  std::vector<int64_t> train = {}, pool = {}, validation = {}, test = {};
};

struct Persons {
  Tensor x;  // f32 [n,C,H,W], as the net takes them
  Tensor y;  // i64 [n]
  std::vector<Person> people = {};
  int64_t held = 0;  // so many, the last ones, are in no training
  InferenceInfo info = {};
  std::vector<std::string> notes = {};  // of a person's own folder, for the log
  Metadata inputs = {};  // what else makes an input of a file: "input" sounds or pictures

  int64_t count() const { return static_cast<int64_t>(people.size()); }
  int64_t seen() const { return count() - held; }
  Tensor examples(const std::vector<int64_t>& at) const;
  Tensor labels(const std::vector<int64_t>& at) const;
};

// What a person does to a picture [.., H, W] of ink in [0, 1]: turned by `rotation` degrees about
// the middle (bilinear, 0 outside), mixed with its 3 x 3 binomial blur by the share `blur`, and
// clamp(1/2 + contrast (x - 1/2), 0, 1).
struct Style {
  double rotation = 0, contrast = 1, blur = 0;
};
Tensor styled(const Tensor& x, const Style& how);

// Synthetic persons (pruning.md section 6): each some classes and a style, the same for every seed
// (the stream Random(0) / "persons"): rotation U(-20, 20), contrast U(0.6, 1.4), blur U(0, 1).
// Classes go round, so that persons have different ones and every class has persons.
struct Synthetic {
  std::vector<int64_t> classes = {};
  Style style = {};
};
std::vector<Synthetic> synthetic_persons(int64_t people, int64_t each, int64_t classes);

// glyphs: drawn, no data: persons on 16 x 16 pixels of ten classes, noise N(0, 0.2^2) after the
//   style.
// persons: the same on Fashion-MNIST (--data, or Debian's package).
// digits: a person is a speaker of the Free Spoken Digit Dataset; test takes 0 to 4, validation
//   takes 5 and 6, training takes 7 and on, pool takes 5 to 14; 40 log-mels x 32 frames.
// folder: a folder for each person, in it a folder of WAV, FLAC or OGG sounds, or of PNG or JPEG
//   pictures, for each class. Classes are those that any person has; of each person and class the
//   share `test_share` is for test, by the hash of the names, and a tenth of the rest for
//   validation where there are ten of it. Or a folder for each class (or train/ and test/ of such),
//   which tells no persons: they are made, `people` of them with `classes` classes each (more where
//   a class would be nobody's), and the examples of a class are dealt to those who have it.
// No number of the data enters the inputs but each example's own: persons who are held out leave no
// trace in a mean. IOError where the data are missing or broken.
Persons load_persons(const std::string& task, const std::string& folder, const Settings& s);
const std::vector<std::string>& person_tasks();

}  // namespace regrad::ppp
