#include <regrad/datasets/audio/internal/container.h>
#include <regrad/datasets/audio/sound.h>
#include <regrad/datasets/internal/adopt.h>
#include <regrad/engine/internal/fork.h>
#include <regrad/engine/io/files.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <mutex>
#include <numeric>

#include <samplerate.h>
#include <sndfile.h>

namespace regrad {
namespace {

constexpr int most_channels = 64, most_rate = 1 << 22;
constexpr int64_t most_samples = int64_t{1} << 28, block_frames = 4096;

// A file in memory, behind the callbacks of libsndfile.
struct MemoryFile {
  std::string_view bytes;
  sf_count_t at = 0;

  static MemoryFile& of(void* p) { return *static_cast<MemoryFile*>(p); }
  static sf_count_t size(void* p) { return static_cast<sf_count_t>(of(p).bytes.size()); }
  static sf_count_t tell(void* p) { return of(p).at; }
  static sf_count_t seek(sf_count_t offset, int whence, void* p) {
    const sf_count_t base = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? of(p).at : size(p);
    if (offset < -base || offset > size(p) - base) return -1;
    return of(p).at = base + offset;
  }
  static sf_count_t read(void* to, sf_count_t n, void* p) {
    const sf_count_t got = std::clamp<sf_count_t>(size(p) - of(p).at, 0, n);
    std::memcpy(to, of(p).bytes.data() + of(p).at, static_cast<size_t>(got));
    of(p).at += got;
    return got;
  }
  static sf_count_t write(const void*, sf_count_t, void*) { return 0; }
};

struct Close {
  void operator()(SNDFILE* f) const { sf_close(f); }
};
using SoundFile = std::unique_ptr<SNDFILE, Close>;

SoundFile open_sound(MemoryFile& file, SF_INFO& info, const std::string& where) {
  // libsndfile keeps why it could not open in one place for all threads
  static std::mutex one_at_a_time;
  const detail::NoFork uncut;
  const std::lock_guard<std::mutex> lock(one_at_a_time);
  SF_VIRTUAL_IO io{MemoryFile::size, MemoryFile::seek, MemoryFile::read, MemoryFile::write,
                   MemoryFile::tell};
  SoundFile f(sf_open_virtual(&io, SFM_READ, &info, &file));
  if (!f) throw IOError(where + ": " + sf_strerror(nullptr));
  return f;
}

void check_info(const SF_INFO& info, const std::string& where) {
  if (info.channels < 1 || info.channels > most_channels)
    throw IOError(where + ": " + std::to_string(info.channels) + " channels, must be 1 to " +
                  std::to_string(most_channels));
  if (info.samplerate < 1 || info.samplerate > most_rate)
    throw IOError(where + ": " + std::to_string(info.samplerate) + " Hz, must be 1 to " +
                  std::to_string(most_rate));
}

void check_same(const SF_INFO& first, const SF_INFO& info, const std::string& where) {
  if (info.channels == first.channels && info.samplerate == first.samplerate) return;
  throw IOError(where + ": another sound begins, of " + std::to_string(info.channels) +
                " channels at " + std::to_string(info.samplerate) + " Hz behind " +
                std::to_string(first.channels) + " at " + std::to_string(first.samplerate) +
                "; write them to files of their own");
}

// Interleaved, behind what is in `out`, in blocks: room grows with what comes.
void decode(SNDFILE* f, const SF_INFO& info, int64_t claimed, int64_t most,
            const std::string& where, std::vector<float>& out) {
  const size_t before = out.size();
  std::vector<float> block(static_cast<size_t>(block_frames * info.channels));
  for (;;) {
    const sf_count_t got = sf_readf_float(f, block.data(), block_frames);
    if (got <= 0) break;
    out.insert(out.end(), block.begin(), block.begin() + got * info.channels);
    if (static_cast<int64_t>(out.size()) > most)
      throw IOError(where + ": decodes to more than the " + std::to_string(most) +
                    " samples it may have");
  }
  const auto frames = static_cast<int64_t>(out.size() - before) / info.channels;
  if (sf_error(f) != SF_ERR_NO_ERROR)
    throw IOError(where + ": frame " + std::to_string(frames) + ": " + sf_strerror(f));
  // Vorbis may leave out what its first packet only prepares; its pages were all there.
  const bool counted =
      info.frames != SF_COUNT_MAX && (info.format & SF_FORMAT_TYPEMASK) != SF_FORMAT_OGG;
  const int64_t wanted = claimed > 0 ? claimed : counted ? info.frames : 0;
  if (frames < wanted)
    throw IOError(where + ": ends after " + std::to_string(frames) + " of " +
                  std::to_string(wanted) + " frames: cut");
  if (claimed > 0 && frames > claimed)
    throw IOError(where + ": holds " + std::to_string(frames) + " frames, and its header has " +
                  std::to_string(claimed) + "; `sox in out.wav` writes it anew");
  if (frames == 0) throw IOError(where + ": holds no samples");
  for (size_t i = before; i < out.size(); ++i) {
    if (!std::isfinite(out[i]))
      throw IOError(where + ": frame " +
                    std::to_string((i - before) / static_cast<size_t>(info.channels)) +
                    ": a sample is not a finite number");
  }
}

Tensor by_channel(std::vector<float> interleaved, int64_t channels) {
  const auto frames = static_cast<int64_t>(interleaved.size()) / channels;
  if (channels == 1) return detail::adopt(std::move(interleaved), {1, frames});
  std::vector<float> out(interleaved.size());
  for (int64_t c = 0; c < channels; ++c)
    for (int64_t i = 0; i < frames; ++i)
      out[static_cast<size_t>(c * frames + i)] = interleaved[static_cast<size_t>(i * channels + c)];
  return detail::adopt(std::move(out), {channels, frames});
}

void check_sound(const Sound& s, const char* op) {
  if (!s.samples.defined() || s.samples.dim() != 2 || s.samples.numel() == 0)
    throw ShapeError(std::string(op) + ": a sound is [channels, frames], at least one of each");
  if (s.samples.dtype() != DType::f32)
    throw DTypeError(std::string(op) + ": samples are f32, not " + name(s.samples.dtype()));
}

// Of a tensor [.., n]: the number of rows.
int64_t rows_of(const Tensor& x, const char* op) {
  if (x.dtype() != DType::f32)
    throw DTypeError(std::string(op) + ": samples are f32, not " + name(x.dtype()));
  if (x.dim() < 1 || x.size(-1) < 1)
    throw ShapeError(std::string(op) + ": no samples in " + str(x.shape()));
  return x.numel() / x.size(-1);
}

// How one channel of `from` frames becomes `to`: cut into pieces that libsamplerate converts side
// by side, as channels of one sound (a tap of its filter is looked up once for all of them: 64 to
// 23 ms for 10 s). A step is as many frames as bring both rates back to the same phase, so a piece
// of whole steps, with the filter's reach of neighbours on both sides, gives what the whole would.
struct Cut {
  int64_t from, to, step, to_step, pieces, lead, steps;  // lead, steps: of a piece, in steps
  double ratio;
  int64_t frames;  // of a piece, with its neighbours
  Cut(int64_t from_frames, int64_t to_frames, int64_t from_rate, int64_t to_rate)
      : from(from_frames),
        to(to_frames),
        ratio(static_cast<double>(to_rate) / static_cast<double>(from_rate)) {
    const int64_t common = std::gcd(from_rate, to_rate), most_pieces = 4;
    step = from_rate / common, to_step = to_rate / common;
    // the medium filter has 46 zeros on a side
    const int64_t reach = 64 * std::max<int64_t>(1, (from_rate + to_rate - 1) / to_rate);
    const int64_t around = (reach + step - 1) / step, all = (to + to_step - 1) / to_step;
    const bool many = all >= 4 * most_pieces * around;
    pieces = many ? most_pieces : 1, lead = many ? around : 0;
    steps = (all + pieces - 1) / pieces;
    frames = many ? (steps + 2 * around) * step : from + reach;
  }
  int64_t first(int64_t piece) const { return (piece * steps - lead) * step; }
};
// Silence lies before and after.
void resample_one(const Cut& cut, const float* x, float* out) {
  const auto channels = static_cast<size_t>(cut.pieces);
  std::vector<float> side_by_side(static_cast<size_t>(cut.frames) * channels);
  for (int64_t p = 0; p < cut.pieces; ++p) {
    const int64_t first = cut.first(p), end = std::min(cut.frames, cut.from - first);
    for (int64_t i = std::max<int64_t>(0, -first); i < end; ++i)
      side_by_side[static_cast<size_t>(i) * channels + static_cast<size_t>(p)] = x[first + i];
  }
  const int64_t room = cut.pieces == 1 ? cut.to : (cut.lead + cut.steps) * cut.to_step;
  std::vector<float> converted(static_cast<size_t>(room) * channels);
  SRC_DATA job{};
  job.data_in = side_by_side.data();
  job.data_out = converted.data();
  job.input_frames = cut.frames;
  job.output_frames = room;
  job.src_ratio = cut.ratio;
  if (const int error = src_simple(&job, SRC_SINC_MEDIUM_QUALITY, static_cast<int>(cut.pieces)))
    throw Error(std::string("resample: ") + src_strerror(error));
  const int64_t each = cut.pieces == 1 ? cut.to : cut.steps * cut.to_step,
                skip = cut.lead * cut.to_step;
  for (int64_t i = 0; i < cut.to; ++i) {
    const int64_t at = skip + i % each;
    out[i] = at < job.output_frames_gen
                 ? converted[static_cast<size_t>(at) * channels + static_cast<size_t>(i / each)]
                 : 0;
  }
}

std::string little(uint64_t v, int n) {
  std::string out;
  for (int i = 0; i < n; ++i) out += static_cast<char>(v >> 8 * i & 255);
  return out;
}

std::string wav_sample(float v, int bits) {
  if (bits == 32) {
    uint32_t word;
    std::memcpy(&word, &v, 4);
    return little(word, 4);
  }
  if (std::isnan(v)) throw NumericError("to_wav: a sample is not a number");
  const double full = std::ldexp(1.0, bits - 1);
  const auto q =
      static_cast<int64_t>(std::nearbyint(std::clamp(double{v} * full, -full, full - 1)));
  return little(static_cast<uint64_t>(bits == 8 ? q + 128 : q), bits / 8);
}

}  // namespace

Sound parse_sound(std::string_view bytes, const std::string& where) {
  return typed_memory([&] {
    const int64_t most =
        std::min(most_samples, static_cast<int64_t>(bytes.size()) * 1024 + (1 << 20));
    SF_INFO first{};
    std::vector<float> all;
    for (const detail::Piece& piece : detail::pieces_of(bytes, where)) {
      MemoryFile file{piece.mended.empty() ? piece.bytes : piece.mended};
      SF_INFO info{};
      const SoundFile f = open_sound(file, info, piece.where);
      check_info(info, piece.where);
      if (all.empty()) first = info;
      check_same(first, info, piece.where);
      decode(f.get(), info, piece.frames, most, piece.where, all);
    }
    return Sound{by_channel(std::move(all), first.channels), first.samplerate};
  });
}

Sound read_sound(const std::string& path) {
  return typed_memory([&] {
    // a regular file, with the system's own words where there is none
    { const InputFile file(path); }
    return parse_sound(read_file(path), path);
  });
}

Sound mono(const Sound& s) {
  check_sound(s, "mono");
  if (s.channels() == 1) return s;
  return typed_memory([&] {
    const int64_t channels = s.channels(), frames = s.frames();
    const Tensor x = s.samples.contiguous();
    std::vector<float> out(static_cast<size_t>(frames));
    for (int64_t i = 0; i < frames; ++i) {
      double sum = 0;
      for (int64_t c = 0; c < channels; ++c) sum += double{x.data<float>()[c * frames + i]};
      out[static_cast<size_t>(i)] = static_cast<float>(sum / static_cast<double>(channels));
    }
    return Sound{detail::adopt(std::move(out), {1, frames}), s.rate};
  });
}

Sound resample(const Sound& s, int rate) {
  check_sound(s, "resample");
  if (rate < 1 || s.rate < 1 || rate > int64_t{256} * s.rate || s.rate > int64_t{256} * rate)
    throw ConfigError("resample: from " + std::to_string(s.rate) + " to " + std::to_string(rate) +
                      " Hz; at least 1 Hz and within 256 times");
  if (rate == s.rate) return s;
  return typed_memory([&] {
    const int64_t channels = s.channels(), from = s.frames(),
                  to = (from * rate + s.rate - 1) / s.rate;
    const Tensor x = s.samples.contiguous();
    std::vector<float> out(static_cast<size_t>(channels * to));
    const Cut cut(from, to, s.rate, rate);
    for (int64_t c = 0; c < channels; ++c)
      resample_one(cut, x.data<float>() + c * from, out.data() + c * to);
    return Sound{detail::adopt(std::move(out), {channels, to}), rate};
  });
}

Tensor normalize_rms(const Tensor& x, double rms) {
  if (!(rms > 0)) throw ConfigError("normalize_rms: rms must be above 0");
  const int64_t rows = rows_of(x, "normalize_rms"), n = x.size(-1);
  return typed_memory([&] {
    std::vector<float> out = x.to_vector<float>();
    for (int64_t r = 0; r < rows; ++r) {
      float* const row = out.data() + r * n;
      double power = 0;
      for (int64_t i = 0; i < n; ++i) power += double{row[i]} * row[i];
      const double gain = power > 0 ? rms / std::sqrt(power / static_cast<double>(n)) : 1;
      for (int64_t i = 0; i < n; ++i) row[i] = static_cast<float>(row[i] * gain);
    }
    return detail::adopt(std::move(out), x.shape());
  });
}

Tensor tile(const Tensor& x, int64_t frames) {
  const int64_t rows = rows_of(x, "tile"), n = x.size(-1);
  if (frames < 1 || frames > most_samples)
    throw ShapeError("tile: " + std::to_string(frames) + " frames, must be 1 to 2^28");
  return typed_memory([&] {
    const Tensor flat = x.contiguous();
    std::vector<float> out(static_cast<size_t>(rows * frames));
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t i = 0; i < frames; i += n)
        std::copy_n(flat.data<float>() + r * n, std::min(n, frames - i),
                    out.begin() + r * frames + i);
    Shape sizes = x.shape();
    sizes[-1] = frames;
    return detail::adopt(std::move(out), sizes);
  });
}

std::string to_wav(const Sound& s, int bits) {
  check_sound(s, "to_wav");
  if (bits != 8 && bits != 16 && bits != 24 && bits != 32)
    throw ConfigError("to_wav: bits are 8, 16, 24 or 32, not " + std::to_string(bits));
  return typed_memory([&] {
    const int64_t channels = s.channels(), frames = s.frames();
    const Tensor x = s.samples.contiguous();
    const auto frame_bytes = static_cast<uint64_t>(channels * bits / 8),
               rate = static_cast<uint64_t>(s.rate);
    std::string data;
    for (int64_t i = 0; i < frames; ++i)
      for (int64_t c = 0; c < channels; ++c)
        data += wav_sample(x.data<float>()[c * frames + i], bits);
    const std::string format = little(bits == 32 ? 3 : 1, 2) +
                               little(static_cast<uint64_t>(channels), 2) + little(rate, 4) +
                               little(rate * frame_bytes, 4) + little(frame_bytes, 2) +
                               little(static_cast<uint64_t>(bits), 2);
    const std::string chunks = "WAVEfmt " + little(16, 4) + format + "data" +
                               little(data.size(), 4) + data + std::string(data.size() % 2, '\0');
    return "RIFF" + little(chunks.size(), 4) + chunks;
  });
}

}  // namespace regrad
