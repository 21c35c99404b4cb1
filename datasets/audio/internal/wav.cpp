#include <regrad/datasets/audio/internal/wav.h>
#include <regrad/engine/error.h>

#include <algorithm>
#include <cstdint>

namespace regrad::detail {
namespace {

constexpr uint32_t no_seek_low = 0x7ffff000, no_seek_high = 0x80000000, no_seek_full = 0xfffff000;
constexpr uint32_t pcm = 1, floats = 3, extensible = 0xfffe;

uint64_t little_endian(std::string_view bytes, size_t at, int n) {
  uint64_t v = 0;
  for (int i = n - 1; i >= 0; --i)
    v = v << 8 | static_cast<unsigned char>(bytes[at + static_cast<size_t>(i)]);
  return v;
}
std::string little(uint64_t v, int n) {
  std::string out;
  for (int i = 0; i < n; ++i) out += static_cast<char>(v >> 8 * i & 255);
  return out;
}

std::string byte(const std::string& where, size_t at) {
  return where + ": byte " + std::to_string(at) + ": ";
}

// What a program writes that cannot seek back to fill in the length: sox 0x7ffff000, arecord
// 0x80000000, ffmpeg 0xffffffff.
bool unknown(uint64_t size) {
  return (size >= no_seek_low && size <= no_seek_high) || size >= no_seek_full;
}

bool is_name(std::string_view four) {
  return four.size() == 4 &&
         std::all_of(four.begin(), four.end(), [](char c) { return c >= ' ' && c <= '~'; });
}
// Chunks that fit, to the end; up to seven bytes more are no chunk.
bool are_chunks(std::string_view bytes, size_t at) {
  while (bytes.size() - at >= 8) {
    const uint64_t size = little_endian(bytes, at + 4, 4);
    if (!is_name(bytes.substr(at, 4)) || size > bytes.size() - at - 8) return false;
    at = std::min(at + 8 + size + (size & 1), bytes.size());
  }
  return true;
}

// One WAV: "RIFF" size "WAVE", then chunks: name, size, bytes, a byte more where the size is odd.
// RF64: sizes of 0xffffffff, the true ones in a chunk "ds64" of RIFF's size u64, the data's size
// u64, and others.
class Wav {
 public:
  Wav(std::string_view bytes, size_t start, const std::string& where)
      : bytes_(bytes), start_(start), where_(where) {}

  // The sound, and where the next file begins, or the end.
  Piece read(size_t& next) {
    if (bytes_.size() - start_ < 12 || bytes_.substr(start_ + 8, 4) != "WAVE")
      fail(start_ + 8, "is no WAV file");
    size_t at = find_data();
    const size_t data = at + 8, left = bytes_.size() - data;
    uint64_t size = little_endian(bytes_, at + 4, 4);
    if (size == no_value && data_size_ > 0) size = data_size_;
    const bool streamed =
        (unknown(size) && size > left) || (size == 0 && left > 0 && !are_chunks(bytes_, data));
    if (streamed) return mended(at, left, next);
    if (size > left)
      fail(at + 4, "the WAV's data claim " + std::to_string(size) + " bytes, and " +
                       std::to_string(left) + " are left: cut");
    if (frame_ > 0 && size % frame_ != 0)
      fail(at + 4, "the WAV's data are " + std::to_string(size) + " bytes, and a frame has " +
                       std::to_string(frame_) + ": cut within a frame");
    next = after_data(data, static_cast<size_t>(size));
    return {bytes_.substr(start_, next - start_), "",
            start_ == 0 ? where_ : where_ + ": byte " + std::to_string(start_)};
  }

 private:
  static constexpr uint64_t no_value = 0xffffffff;

  [[noreturn]] void fail(size_t at, const std::string& what) const {
    throw IOError(byte(where_, at) + what);
  }

  // channels u16 at 2, rate u32 at 4, a frame's bytes u16 at 12 of the format chunk.
  void take_format(size_t at, uint64_t size) {
    if (size < 16 || bytes_.size() - at < 16) fail(at, "the WAV's format chunk is cut");
    if (little_endian(bytes_, at + 2, 2) == 0) fail(at + 2, "the WAV has 0 channels");
    if (little_endian(bytes_, at + 4, 4) == 0) fail(at + 4, "the WAV's rate is 0 Hz");
    const uint64_t tag = little_endian(bytes_, at, 2);
    frame_ =
        tag == pcm || tag == floats || tag == extensible ? little_endian(bytes_, at + 12, 2) : 0;
  }

  size_t find_data() {
    bool format = false;
    for (size_t at = start_ + 12; bytes_.size() - at >= 8;) {
      const std::string_view name = bytes_.substr(at, 4);
      const uint64_t size = little_endian(bytes_, at + 4, 4);
      const size_t begin = at + 8, left = bytes_.size() - begin;
      if (name == "fmt ") take_format(begin, size), format = true;
      if (name == "ds64" && size >= 16 && left >= 16)
        data_size_ = little_endian(bytes_, begin + 8, 8);
      if (name == "data") {
        if (!format) fail(at, "the WAV's data come before their format");
        return at;
      }
      if (size > left) fail(at + 4, "a WAV chunk goes on after the file's end: cut");
      at = begin + size + (size & 1);
      if (at > bytes_.size()) break;
    }
    throw IOError(byte(where_, bytes_.size()) + "the WAV ends before its data");
  }

  // A copy with its true length: what is less than a frame at the end was never written.
  Piece mended(size_t at, size_t left, size_t& next) const {
    next = bytes_.size();
    const size_t size = frame_ > 0 ? left - left % frame_ : left;
    if (size > no_seek_full)
      fail(at + 4,
           "a WAV of unknown length with more than 4 GiB; `sox --ignore-length in.wav out.wav` "
           "mends it");
    std::string copy(bytes_.substr(start_, at + 8 - start_ + size));
    copy.replace(0, 8, "RIFF" + little(copy.size() - 8, 4));
    copy.replace(at + 4 - start_, 4, little(size, 4));
    return {
        {}, std::move(copy), start_ == 0 ? where_ : where_ + ": byte " + std::to_string(start_)};
  }

  // Chunks may follow, and another file; anything else means that the data's size is wrong, and
  // samples would be lost.
  size_t after_data(size_t data, size_t size) const {
    size_t at = data + size;
    if ((size & 1) && at < bytes_.size() && bytes_[at] == '\0') ++at;
    while (bytes_.size() - at >= 8) {
      const std::string_view name = bytes_.substr(at, 4);
      if (name == "RIFF" || name == "RF64") return at;
      if (name == "data") fail(at, "the WAV has data twice");
      if (name.substr(0, 3) == "TAG") break;  // ID3v1
      if (!is_name(name)) {
        if (bytes_.find_first_not_of('\0', at) == std::string_view::npos) break;
        fail(at,
             "the WAV goes on behind its data with what is no chunk: its sizes are wrong; `sox "
             "--ignore-length in.wav out.wav` mends them");
      }
      const uint64_t more = little_endian(bytes_, at + 4, 4);
      if (more > bytes_.size() - at - 8) break;  // cut behind the sound
      at = std::min(at + 8 + static_cast<size_t>(more) + (more & 1), bytes_.size());
    }
    return bytes_.size();
  }

  std::string_view bytes_;
  const size_t start_;
  const std::string& where_;
  uint64_t frame_ = 0, data_size_ = 0;
};

}  // namespace

std::vector<Piece> wav_pieces(std::string_view bytes, size_t start, const std::string& where) {
  std::vector<Piece> out;
  for (size_t at = start; at < bytes.size();) out.push_back(Wav(bytes, at, where).read(at));
  return out;
}

}  // namespace regrad::detail
