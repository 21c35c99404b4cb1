#include <regrad/algorithms/experiment/config.h>
#include <regrad/algorithms/experiment/data/images.h>
#include <regrad/algorithms/ppp/experiment/folders.h>
#include <regrad/datasets/glyphs.h>
#include <regrad/datasets/idx.h>
#include <regrad/engine/error.h>
#include <regrad/engine/functional.h>
#include <regrad/engine/random.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>

namespace regrad::ppp {

using namespace experiment;

Tensor Persons::examples(const std::vector<int64_t>& at) const {
  return index_select(x, 0, tensor(at)).contiguous();
}
Tensor Persons::labels(const std::vector<int64_t>& at) const {
  return index_select(y, 0, tensor(at)).contiguous();
}

const std::vector<std::string>& person_tasks() {
  static const std::vector<std::string> names = {"glyphs", "persons", "digits", "folder"};
  return names;
}

std::vector<Synthetic> synthetic_persons(int64_t people, int64_t each, int64_t classes) {
  need(each <= classes, "classes: " + std::to_string(each) + " of a person, and there are " +
                            std::to_string(classes));
  const Random r = Random(0) / "persons";
  static const int64_t steps[] = {1, 3, 7, 9};  // none shares a factor with ten classes
  std::vector<Synthetic> out;
  for (int64_t u = 0; u < people; ++u) {
    Synthetic p;
    for (int64_t j = 0; j < each; ++j)
      p.classes.push_back((u + j * steps[u / classes % 4]) % classes);
    const Random of = r / u;
    p.style = {40 * of.uniform(0) - 20, 0.6 + 0.8 * of.uniform(1), of.uniform(2)};
    out.push_back(std::move(p));
  }
  return out;
}

namespace {

// v at (row, column) of [h,w], 0 outside.
double at(const float* v, int64_t h, int64_t w, int64_t row, int64_t column) {
  return row < 0 || column < 0 || row >= h || column >= w ? 0.0 : double{v[row * w + column]};
}

void turn(const float* from, float* to, int64_t h, int64_t w, double degrees) {
  const double a = degrees * std::acos(-1.0) / 180, c = std::cos(a), s = std::sin(a);
  const double middle_row = static_cast<double>(h - 1) / 2,
               middle_column = static_cast<double>(w - 1) / 2;
  for (int64_t i = 0; i < h; ++i)
    for (int64_t j = 0; j < w; ++j) {
      const double y = static_cast<double>(i) - middle_row,
                   x = static_cast<double>(j) - middle_column, row = c * y - s * x + middle_row,
                   column = s * y + c * x + middle_column;
      const auto r = static_cast<int64_t>(std::floor(row)),
                 k = static_cast<int64_t>(std::floor(column));
      const double down = row - std::floor(row), right = column - std::floor(column);
      to[i * w + j] = static_cast<float>(
          (1 - down) * ((1 - right) * at(from, h, w, r, k) + right * at(from, h, w, r, k + 1)) +
          down * ((1 - right) * at(from, h, w, r + 1, k) + right * at(from, h, w, r + 1, k + 1)));
    }
}

void blur(const float* from, float* to, int64_t h, int64_t w, double share) {
  static const double weight[] = {0.25, 0.5, 0.25};
  for (int64_t i = 0; i < h; ++i)
    for (int64_t j = 0; j < w; ++j) {
      double soft = 0;
      for (int64_t a = -1; a <= 1; ++a)
        for (int64_t b = -1; b <= 1; ++b)
          soft += weight[a + 1] * weight[b + 1] * at(from, h, w, i + a, j + b);
      to[i * w + j] = static_cast<float>((1 - share) * at(from, h, w, i, j) + share * soft);
    }
}

// Base pictures f32 [1,H,W] in [0, 1] of a class: the i-th of training or of test.
using Draw = std::function<Tensor(int64_t of_class, bool test, int64_t i)>;

// Persons of which each has its own pictures of its classes.
Persons synthetic(const Settings& s, const std::vector<std::string>& classes, double noise,
                  const Draw& draw) {
  const auto n = static_cast<int64_t>(classes.size());
  const std::vector<Synthetic> people = synthetic_persons(s.people, s.classes, n);
  std::map<std::pair<int64_t, bool>, int64_t> next;
  Persons out;
  std::vector<Tensor> x;
  std::vector<int64_t> y;
  for (size_t u = 0; u < people.size(); ++u) {
    Person p{"person " + std::to_string(u + 1)};
    const auto add = [&](std::vector<int64_t>& to, int64_t count, bool test) {
      for (int64_t i = 0; i < count; ++i) {
        const int64_t c = people[u].classes[static_cast<size_t>(i) % people[u].classes.size()];
        to.push_back(static_cast<int64_t>(y.size()));
        Tensor picture = styled(draw(c, test, next[{c, test}]++), people[u].style);
        if (noise > 0)
          picture = picture +
                    normal(Random(0) / "persons" / "noise" / to.back(), picture.shape(), 0, noise);
        x.push_back(picture), y.push_back(c);
      }
    };
    add(p.train, s.train, false), add(p.validation, s.validation, false), add(p.test, s.test, true);
    p.pool = p.train;
    out.people.push_back(std::move(p));
  }
  out.x = stack(x, 0), out.y = tensor(y);
  out.info = {1, out.x.size(2), out.x.size(3), classes, {}, {}};
  return out;
}

// (x - mean) / deviation of pixels in [0, 1].
void normalize(Persons& p, double mean, double deviation) {
  p.x = (p.x - mean) / deviation;
  p.info.mean.assign(static_cast<size_t>(p.info.channels), static_cast<float>(mean));
  p.info.deviation.assign(static_cast<size_t>(p.info.channels), static_cast<float>(deviation));
  p.inputs = to_metadata(Inputs{.info = p.info});
}

Persons glyphs(const Settings& s) {
  Glyphs drawn;
  drawn.size = 16;
  std::vector<std::string> classes;
  for (int c = 0; c < 10; ++c) classes.push_back(std::to_string(c));
  const Random r = Random(0) / "persons" / "glyphs";
  Persons out = synthetic(s, classes, 0.2, [&](int64_t c, bool test, int64_t i) {
    return drawn.draw(r, c, 2 * i + test);
  });
  normalize(out, 0.15, 0.4);
  return out;
}

Persons fashion(const Settings& s, const std::string& folder) {
  if (folder.empty() && fashion_mnist_folder().empty())
    throw IOError(
        "--task persons: give --data DIR, the folder with Fashion-MNIST "
        "(train-images-idx3-ubyte.gz and its three companions), or install Debian's package "
        "dataset-fashion-mnist; --task glyphs needs no data");
  const Images all = load_images("fmnist", folder);
  std::map<std::pair<int64_t, bool>, std::vector<int64_t>> rows;
  for (const bool test : {false, true}) {
    const std::vector<int64_t> y = (test ? all.test : all.train).labels.to_vector<int64_t>();
    for (size_t i = 0; i < y.size(); ++i) rows[{y[i], test}].push_back(static_cast<int64_t>(i));
  }
  Persons out = synthetic(s, all.classes(), 0, [&](int64_t c, bool test, int64_t i) {
    const std::vector<int64_t>& of = rows[{c, test}];
    need(i < static_cast<int64_t>(of.size()),
         "people: class " + all.classes()[static_cast<size_t>(c)] + " has " +
             std::to_string(of.size()) + (test ? " test" : " training") +
             " images, too few for so many persons; fewer people, or fewer images of each");
    const Tensor& from = (test ? all.test : all.train).images;
    const Tensor one = select(from, 0, of[static_cast<size_t>(i)]);
    return one.dtype() == DType::u8 ? one.to(DType::f32) / 255.0 : one.contiguous();
  });
  normalize(out, 0.2860, 0.3530);
  return out;
}

Persons digits(const std::string& folder) {
  const AudioSet set = load_sounds("digits", folder);
  const Inputs in = speech_inputs(set.classes);
  Persons out;
  std::map<std::string, size_t> known;
  std::vector<int64_t> all;
  for (int64_t i = 0; i < set.size(); ++i) {
    const Clip& c = set.clips[static_cast<size_t>(i)];
    all.push_back(i);
    const auto [found, fresh] = known.emplace(c.place, out.people.size());
    if (fresh) out.people.push_back({c.place});
    Person& p = out.people[found->second];
    (c.fold < 5 ? p.test : c.fold < 7 ? p.validation : p.train).push_back(i);
    if (c.fold >= 5 && c.fold < 15) p.pool.push_back(i);
  }
  out.x = each_sound(set, all, [&](const Sound& s) { return in.of_sound(s); });
  out.y = each_number(set, all, [](const Clip& c) { return c.label; });
  out.info = in.info, out.inputs = to_metadata(in);
  return out;
}

}  // namespace

Tensor styled(const Tensor& x, const Style& how) {
  const Tensor from = x.to(DType::f32).contiguous();
  const int64_t h = x.size(-2), w = x.size(-1), each = h * w;
  std::vector<float> v(from.data<float>(), from.data<float>() + from.numel()), turned(v.size()),
      soft(v.size());
  for (int64_t p = 0; p < from.numel(); p += each) {
    turn(v.data() + p, turned.data() + p, h, w, how.rotation);
    blur(turned.data() + p, soft.data() + p, h, w, how.blur);
  }
  for (float& value : soft)
    value = static_cast<float>(std::clamp(0.5 + how.contrast * (double{value} - 0.5), 0.0, 1.0));
  return from_data(soft.data(), from.shape(), DType::f32);
}

Persons load_persons(const std::string& task, const std::string& folder, const Settings& s) {
  Persons out;
  if (task == "glyphs")
    out = glyphs(s);
  else if (task == "persons")
    out = fashion(s, folder);
  else if (task == "digits")
    out = digits(folder);
  else if (task == "folder")
    out = load_folder(folder, s);
  else
    throw ConfigError("'" + task + "' is not one of glyphs, persons, digits, folder");
  for (const Person& p : out.people)
    if (p.train.empty() || p.pool.empty() || p.test.empty())
      throw IOError("--task " + task + ": " + p.name +
                    " has no examples for training, for a prototype or for test");
  need(s.held < out.count(), "held: " + std::to_string(s.held) + " persons of " +
                                 std::to_string(out.count()) + "; one must be left to train on");
  out.held = s.held;
  return out;
}

}  // namespace regrad::ppp
