#include <regrad/datasets/audio/devices.h>
#include <regrad/datasets/internal/files.h>
#include <regrad/datasets/internal/names.h>

#include <algorithm>
#include <cmath>

namespace regrad {
namespace {

constexpr double longest = 10;  // seconds

Microphone read_response(const detail::FileOf& f) {
  Microphone m{detail::stem_of(f.name), mono(parse_sound(f.read(), f.where)), true};
  const float* const h = m.response.samples.data<float>();
  if (std::all_of(h, h + m.response.frames(), [](float v) { return v == 0; }))
    throw IOError(f.where + ": an impulse response of zeros only");
  if (m.response.seconds() > longest)
    throw IOError(f.where + ": an impulse response of more than 10 s");
  return m;
}

std::vector<Microphone> read_all(const detail::Files& files) {
  std::vector<Microphone> out;
  files.each([&](const detail::FileOf& f) {
    if (detail::has_ending(f.name, ".wav") && !detail::is_clutter(f.name))
      out.push_back(read_response(f));
  });
  if (out.empty()) throw IOError(files.where() + ": holds no .wav");
  std::stable_sort(out.begin(), out.end(),
                   [](const Microphone& a, const Microphone& b) { return a.name < b.name; });
  for (size_t i = 0; i < out.size(); ++i) out[i].seen = i < out.size() * 2 / 3;
  return out;
}

}  // namespace

std::vector<Microphone> load_microphones(const std::string& path) {
  return typed_memory([&] { return read_all(detail::Files(path)); });
}

std::vector<Microphone> parse_microphones(std::string_view archive, const std::string& where) {
  return typed_memory(
      [&] { return read_all(detail::Files::in_memory(std::string(archive), where)); });
}

}  // namespace regrad
