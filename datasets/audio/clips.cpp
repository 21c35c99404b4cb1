#include <regrad/datasets/audio/clips.h>

namespace regrad {

const char* name(Part p) {
  static const char* const names[] = {"train", "validation", "test", "unused"};
  return names[static_cast<int>(p)];
}

std::vector<int64_t> AudioSet::in(Part p) const {
  return typed_memory([&] {
    std::vector<int64_t> out;
    for (int64_t i = 0; i < size(); ++i)
      if (clips[static_cast<size_t>(i)].part == p) out.push_back(i);
    return out;
  });
}

Sound AudioSet::sound(int64_t i) const {
  if (i < 0 || i >= size())
    throw ShapeError("clip " + std::to_string(i) + ": there are " + std::to_string(size()));
  const Clip& c = clips[static_cast<size_t>(i)];
  return c.kept.samples.defined() ? c.kept : read_sound(c.path);
}

}  // namespace regrad
