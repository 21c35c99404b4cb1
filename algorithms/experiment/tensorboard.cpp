#include <regrad/algorithms/experiment/tensorboard.h>

#include <array>
#include <chrono>
#include <cstring>
#include <filesystem>

namespace regrad::experiment {
namespace {

std::array<uint32_t, 256> crc_table() {
  std::array<uint32_t, 256> out{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t c = i;
    for (int bit = 0; bit < 8; ++bit) c = c >> 1 ^ (c & 1 ? 0x82F63B78u : 0);
    out[i] = c;
  }
  return out;
}

std::string little_endian(uint64_t v, int bytes) {
  std::string out;
  for (int k = 0; k < bytes; ++k) out += static_cast<char>(v >> (8 * k) & 255);
  return out;
}
uint64_t from_little_endian(std::string_view bytes) {
  uint64_t out = 0;
  for (size_t k = bytes.size(); k-- > 0;) out = out << 8 | static_cast<unsigned char>(bytes[k]);
  return out;
}

// Protobuf's wire form: a key is the field's number and a type (0 varint, 1 and 5 eight and four
// bytes, 2 bytes with their length).
std::string varint(uint64_t v) {
  std::string out;
  for (; v >= 128; v >>= 7) out += static_cast<char>((v & 127) | 128);
  return out + static_cast<char>(v);
}
std::string key(int field, int type) { return varint(static_cast<uint64_t>(field << 3 | type)); }
std::string whole(int field, int64_t v) { return key(field, 0) + varint(static_cast<uint64_t>(v)); }
std::string bytes(int field, std::string_view v) {
  return key(field, 2) + varint(v.size()) + std::string(v);
}
template <class T>
std::string real(int field, T value) {
  uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof value);
  return key(field, sizeof value == 8 ? 1 : 5) + little_endian(bits, sizeof value);
}

std::string event(double wall, int64_t step, const std::string& what) {
  return real(1, wall) + whole(2, step) + what;
}
std::string scalar(const std::string& tag, double value) {
  return bytes(1, bytes(1, tag) + real(2, static_cast<float>(value)));
}
std::string picture(const std::string& tag, const Picture& p) {
  return bytes(1, bytes(1, tag) + bytes(4, whole(1, p.height) + whole(2, p.width) +
                                               whole(3, p.channels) + bytes(4, to_png(p))));
}

double now() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

std::string read_or_nothing(const std::string& path) {
  std::error_code unseen;
  return std::filesystem::exists(path, unseen) ? read_file(path) : "";
}

}  // namespace

uint32_t crc32c(std::string_view bytes) {
  static const std::array<uint32_t, 256> table = crc_table();
  uint32_t c = 0xFFFFFFFFu;
  for (const char b : bytes) c = c >> 8 ^ table[(c ^ static_cast<unsigned char>(b)) & 255];
  return ~c;
}

uint32_t masked_crc32c(std::string_view bytes) {
  const uint32_t c = crc32c(bytes);
  return (c >> 15 | c << 17) + 0xA282EAD8u;
}

std::string record(std::string_view event) {
  const std::string length = little_endian(event.size(), 8);
  return length + little_endian(masked_crc32c(length), 4) + std::string(event) +
         little_endian(masked_crc32c(event), 4);
}

size_t end_of_records(std::string_view bytes, size_t count) {
  size_t at = 0;
  for (; count > 0; --count) {
    const size_t left = bytes.size() - at;
    if (left < 16) return 0;
    const uint64_t length = from_little_endian(bytes.substr(at, 8));
    if (length > left - 16 ||
        from_little_endian(bytes.substr(at + 8, 4)) != masked_crc32c(bytes.substr(at, 8)))
      return 0;
    const std::string_view event = bytes.substr(at + 12, length);
    if (from_little_endian(bytes.substr(at + 12 + length, 4)) != masked_crc32c(event)) return 0;
    at += 16 + length;
  }
  return at;
}

std::string version_event(double wall) { return real(1, wall) + bytes(3, "brain.Event:2"); }

std::string scalars_event(double wall, int64_t step, const Moment& moment) {
  std::string values;
  for (const auto& [name, value] : moment) values += scalar(name, value);
  return event(wall, step, bytes(5, values));
}

std::string outcome_event(double wall, int64_t step, const std::string& method,
                          const Outcome& outcome) {
  std::string values;
  for (const Score& s : outcome.scores)
    values += scalar("result/" + s.metric + (s.method == method ? "" : ", " + s.method), s.value);
  for (const Gallery& g : outcome.galleries)
    for (size_t i = 0; i < g.pictures.size(); ++i)
      values += picture("pictures/" + g.title + "/" + std::to_string(i), g.pictures[i]);
  return event(wall, step, bytes(5, values));
}

EventFile::EventFile(const OutFolder& out, const std::string& name, const Row& row) {
  const std::string folder = std::string(kTensorBoard) + "/" + name + "/";
  const std::string path = out.path(folder + kEvents);
  const size_t known = 1 + row.lines.size() + (row.finished ? 1 : 0);
  const size_t end = end_of_records(read_or_nothing(path), known);
  out.make_folder_of(folder + kEvents);
  file_ = std::make_unique<LogFile>(path, static_cast<int64_t>(end));
  if (end > 0) return;
  file_->write(record(version_event(now())));
  for (const Line& line : row.lines) log(line);
  if (row.finished) finish(row.step, row.job.method, row.outcome);
}

void EventFile::log(const Line& line) {
  file_->write(record(scalars_event(now(), line.step, line.moment)));
}

void EventFile::finish(int64_t step, const std::string& method, const Outcome& outcome) {
  file_->write(record(outcome_event(now(), step, method, outcome)));
}

void EventFile::close() {
  file_->sync();
  file_->close();
}

}  // namespace regrad::experiment
