#include <regrad/datasets/internal/adopt.h>
#include <regrad/datasets/internal/view.h>
#include <regrad/datasets/loader.h>
#include <regrad/engine/parallel.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <system_error>
#include <thread>

namespace regrad {
namespace {

struct Address {
  int64_t epoch = 0, position = 0;
};

struct Made {
  Batch batch;
  std::exception_ptr failure{};
};

// Rows to make batches of, wherever they lie.
struct Source {
  Tensor labels;
  int64_t channels, height, width;
  // Writes a row's values in [0, 1].
  std::function<void(int64_t row, const Random& r, float* to)> read;
};

Source in_memory(const ImageSet& set) {
  if (set.images.dim() != 4)
    throw ShapeError("Loader: images are [n, c, h, w], not " + str(set.images.shape()));
  if (set.images.dtype() != DType::u8 && set.images.dtype() != DType::f32)
    throw DTypeError(std::string("Loader: images are u8 or f32, not ") + name(set.images.dtype()));
  if (set.labels.dtype() != DType::i64)
    throw DTypeError(std::string("Loader: labels are i64, not ") + name(set.labels.dtype()));
  if (set.labels.shape() != Shape{set.images.size(0)})
    throw ShapeError("Loader: labels of " + str(set.labels.shape()) + " for " +
                     std::to_string(set.images.size(0)) + " images");
  const Tensor images = set.images.contiguous();
  const int64_t c = images.size(1), h = images.size(2), w = images.size(3), row = c * h * w;
  const auto read = [images, row](int64_t from, const Random&, float* to) {
    if (images.dtype() == DType::f32) {
      std::copy_n(images.data<float>() + from * row, row, to);
    } else {
      const uint8_t* p = images.data<uint8_t>() + from * row;
      for (int64_t j = 0; j < row; ++j) to[j] = static_cast<float>(p[j]) / 255.f;
    }
  };
  return {set.labels.contiguous(), c, h, w, read};
}

Source on_disk(PictureFolder set, const PictureCrop& crop) {
  Tensor labels = set.labels;
  const auto read = [set = std::move(set), crop](int64_t from, const Random& r, float* to) {
    const Tensor pixels = read_picture(set, from, crop, r / "crop");
    const uint8_t* p = pixels.data<uint8_t>();
    for (int64_t j = 0; j < pixels.numel(); ++j) to[j] = static_cast<float>(p[j]) / 255.f;
  };
  return {std::move(labels), 3, crop.size, crop.size, read};
}

void check(const LoaderOptions& o, int64_t channels) {
  if (o.batch < 1 || o.ahead < 0)
    throw ConfigError("Loader: batch must be at least 1, ahead at least 0");
  if (o.augment.padding < 0 || !(o.augment.rotation >= 0))
    throw ConfigError("Loader: padding and rotation must be 0 or more");
  if (!o.views.empty() && o.augment.any())
    throw ConfigError("Loader: views beside augment; an image has one or the other");
  if (!o.views.empty()) detail::check_views("Loader", o.views, channels);
  for (const auto& values : {o.mean, o.deviation})
    if (!values.empty() && values.size() != static_cast<size_t>(channels))
      throw ConfigError("Loader: " + std::to_string(values.size()) + " means or deviations for " +
                        std::to_string(channels) + " channels");
  for (const double d : o.deviation)
    if (!(d > 0)) throw ConfigError("Loader: a deviation must be above 0");
}

}  // namespace

struct Loader::Parts {
  Source set;
  Random r;
  LoaderOptions options;
  int64_t n, batches;

  // The maker works ahead of `wanted`, in its order; a seek raises `turn`, and what was made for an
  // older one is thrown away.
  std::mutex mutex{};
  std::condition_variable changed{};
  std::deque<Made> ready{};
  Address wanted{};  // of the front of `ready`, or the next to be made
  Address making{};  // the maker's next
  uint64_t turn = 0;
  bool stop = false;
  std::thread maker{};

  Parts(Source s, const Random& random, const LoaderOptions& o)
      : set(std::move(s)), r(random), options(o), n(set.labels.size(0)) {
    check(options, set.channels);
    batches = options.drop_last ? n / options.batch : (n + options.batch - 1) / options.batch;
    if (batches < 1)
      throw ConfigError("Loader: " + std::to_string(n) + " images make no batch of " +
                        std::to_string(options.batch));
  }
  ~Parts() {
    {
      const std::lock_guard lock(mutex);
      stop = true;
    }
    changed.notify_all();
    if (maker.joinable()) maker.join();
  }

  Address after(Address a) const {
    return a.position + 1 < batches ? Address{a.epoch, a.position + 1} : Address{a.epoch + 1, 0};
  }

  std::vector<int64_t> rows(Address a) const {
    const int64_t first = a.position * options.batch, last = std::min(n, first + options.batch);
    std::vector<int64_t> out;
    const Tensor order =
        options.shuffle ? randperm(r / "order" / a.epoch, n) : arange(0, static_cast<double>(n));
    for (int64_t i = first; i < last; ++i) out.push_back(order.data<int64_t>()[i]);
    return out;
  }

  void standardize(float* image, int64_t c, int64_t pixels) const {
    for (int64_t k = 0; k < c; ++k) {
      const double mean = options.mean.empty() ? 0 : options.mean[static_cast<size_t>(k)];
      const double deviation =
          options.deviation.empty() ? 1 : options.deviation[static_cast<size_t>(k)];
      if (mean == 0 && deviation == 1) continue;
      for (float* p = image + k * pixels; p != image + (k + 1) * pixels; ++p)
        *p = static_cast<float>((double{*p} - mean) / deviation);
    }
  }

  Tensor images(const std::vector<int64_t>& index, const Random& changes) const {
    const int64_t c = set.channels, h = set.height, w = set.width, row = c * h * w;
    const auto b = static_cast<int64_t>(index.size());
    std::vector<float> x(static_cast<size_t>(b * row));
    for (int64_t i = 0; i < b; ++i) {
      const Random stream = changes / index[static_cast<size_t>(i)];
      float* to = x.data() + i * row;
      set.read(index[static_cast<size_t>(i)], stream, to);
      if (options.augment.any()) augment(options.augment, stream, to, c, h, w);
      standardize(to, c, h * w);
    }
    return detail::adopt(std::move(x), {b, c, h, w});
  }

  // The maker's by a plain loop: the pool belongs to whoever trains.
  std::vector<Tensor> views(const std::vector<int64_t>& index, const Random& changes,
                            bool on_pool) const {
    const int64_t c = set.channels, h = set.height, w = set.width;
    const auto b = static_cast<int64_t>(index.size());
    const std::vector<ViewRecipe>& recipes = options.views;
    std::vector<std::vector<float>> x;
    for (const ViewRecipe& v : recipes)
      x.emplace_back(static_cast<size_t>(b * c * detail::side(v, h) * detail::side(v, w)));
    const auto write = [&](int64_t i) {
      const Random stream = changes / index[static_cast<size_t>(i)];
      std::vector<float> image(static_cast<size_t>(c * h * w));
      set.read(index[static_cast<size_t>(i)], stream, image.data());
      for (size_t v = 0; v < recipes.size(); ++v) {
        const int64_t pixels = detail::side(recipes[v], h) * detail::side(recipes[v], w);
        float* to = x[v].data() + i * c * pixels;
        detail::write_view(recipes[v], stream / static_cast<int64_t>(v), image.data(), c, h, w, to);
        standardize(to, c, pixels);
      }
    };
    if (on_pool)
      parallel_for(b, write);
    else
      for (int64_t i = 0; i < b; ++i) write(i);
    std::vector<Tensor> out;
    for (size_t v = 0; v < recipes.size(); ++v)
      out.push_back(detail::adopt(
          std::move(x[v]), {b, c, detail::side(recipes[v], h), detail::side(recipes[v], w)}));
    return out;
  }

  Batch make(Address a, bool on_pool) const {
    std::vector<int64_t> index = rows(a), labels;
    const auto b = static_cast<int64_t>(index.size());
    const Random changes = r / "augment" / a.epoch;
    for (const int64_t row : index) labels.push_back(set.labels.data<int64_t>()[row]);
    Batch out;
    if (options.views.empty()) {
      out.x = images(index, changes);
    } else {
      out.views = views(index, changes, on_pool);
      out.x = out.views.front();
    }
    out.y = detail::adopt(std::move(labels), {b});
    out.index = detail::adopt(std::move(index), {b});
    out.epoch = a.epoch;
    out.position = a.position;
    return out;
  }

  void work() {
    std::unique_lock lock(mutex);
    for (;;) {
      changed.wait(lock,
                   [&] { return stop || static_cast<int64_t>(ready.size()) < options.ahead; });
      if (stop) return;
      const Address a = making;
      const uint64_t of_turn = turn;
      making = after(making);
      lock.unlock();
      Made made;
      try {
        made.batch = make(a, false);
      } catch (...) {
        made.failure = std::current_exception();
      }
      lock.lock();
      if (of_turn == turn) ready.push_back(std::move(made));
      changed.notify_all();
    }
  }

  // False where there is no maker: none is wanted, or the system has no thread for it. Batches are
  // then made on demand, to the same bits.
  bool has_maker() {
    if (options.ahead == 0 || maker.joinable()) return options.ahead > 0;
    try {
      maker = std::thread([this] { work(); });
    } catch (const std::system_error&) {
      options.ahead = 0;
    }
    return options.ahead > 0;
  }
};

Loader::Loader(const ImageSet& set, const Random& r, const LoaderOptions& options) {
  typed_memory([&] { parts_ = std::make_unique<Parts>(in_memory(set), r, options); });
}
Loader::Loader(PictureFolder set, const PictureCrop& crop, const Random& r,
               const LoaderOptions& options) {
  typed_memory(
      [&] { parts_ = std::make_unique<Parts>(on_disk(std::move(set), crop), r, options); });
}
Loader::~Loader() = default;
Loader::Loader(Loader&&) noexcept = default;
Loader& Loader::operator=(Loader&&) noexcept = default;

int64_t Loader::batches() const { return parts_->batches; }

Batch Loader::at(int64_t epoch, int64_t position) const {
  if (epoch < 0 || position < 0 || position >= parts_->batches)
    throw ConfigError("Loader: no batch " + std::to_string(position) + " of epoch " +
                      std::to_string(epoch) + "; there are " + std::to_string(parts_->batches));
  return typed_memory([&] { return parts_->make({epoch, position}, true); });
}

Batch Loader::next() {
  Parts& p = *parts_;
  return typed_memory([&] {
    std::unique_lock lock(p.mutex);
    const Address a = p.wanted;
    if (!p.has_maker()) {
      Batch b = p.make(a, true);
      p.wanted = p.after(a);
      return b;
    }
    p.changed.wait(lock, [&] { return !p.ready.empty(); });
    Made made = std::move(p.ready.front());
    p.ready.pop_front();
    p.wanted = p.after(a);
    p.changed.notify_all();
    if (made.failure) std::rethrow_exception(made.failure);
    return std::move(made.batch);
  });
}

void Loader::seek(int64_t epoch, int64_t position) {
  Parts& p = *parts_;
  if (epoch < 0 || position < 0 || position >= p.batches)
    throw ConfigError("Loader: no batch " + std::to_string(position) + " of epoch " +
                      std::to_string(epoch) + "; there are " + std::to_string(p.batches));
  const std::lock_guard lock(p.mutex);
  p.wanted = p.making = {epoch, position};
  ++p.turn;
  p.ready.clear();
  p.changed.notify_all();
}

}  // namespace regrad
