#include <regrad/engine/io/safetensors_header.h>

#include <algorithm>
#include <cstring>
#include <limits>

#include <nlohmann/json.hpp>

namespace regrad::detail {
namespace {

using Json = nlohmann::json;

constexpr struct {
  const char* name;
  Wire wire;
} dtypes[] = {{"F32", Wire::f32}, {"F64", Wire::f64}, {"I64", Wire::i64},   {"U8", Wire::u8},
              {"BOOL", Wire::b8}, {"F16", Wire::f16}, {"BF16", Wire::bf16}, {"I8", Wire::i8},
              {"I16", Wire::i16}, {"U16", Wire::u16}, {"I32", Wire::i32},   {"U32", Wire::u32}};

const char* name_of(DType t) {
  for (const auto& d : dtypes)
    if (d.wire == wire_of(t)) return d.name;
  return "";
}

// The parser's input: it leaves word of how far it has come.
class Cursor {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;
  Cursor(const char* p, const char** seen) : p_(p), seen_(seen) {}
  reference operator*() const { return *p_; }
  Cursor& operator++() {
    *seen_ = ++p_;
    return *this;
  }
  Cursor operator++(int) {
    const Cursor before = *this;
    ++*this;
    return before;
  }
  bool operator==(const Cursor& o) const { return p_ == o.p_; }
  bool operator!=(const Cursor& o) const { return p_ != o.p_; }

 private:
  const char* p_;
  const char** seen_;
};

// Takes the parser's events one by one, so that nothing but the entries is ever built, however the
// JSON nests.
class HeaderEvents {
 public:
  using number_integer_t = Json::number_integer_t;
  using number_unsigned_t = Json::number_unsigned_t;
  using number_float_t = Json::number_float_t;
  using string_t = Json::string_t;
  using binary_t = Json::binary_t;

  HeaderEvents(std::string_view json, const std::string& where)
      : json_(json), where_(where), seen_(json.data()) {}

  SafeHeader header{};

  void parse() {
    Json::sax_parse(Cursor(json_.data(), &seen_), Cursor(json_.data() + json_.size(), &seen_),
                    this);
  }

  bool start_object(size_t) {
    switch (place_) {
      case Place::before: place_ = Place::top; break;
      case Place::top:
        if (key_ == "__metadata__") {
          if (std::exchange(has_metadata_, true)) fail("\"__metadata__\" stands there twice");
          place_ = Place::metadata;
        } else {
          place_ = Place::entry;
          given_ = 0;
          header.entries.emplace_back().name = std::move(key_);
        }
        break;
      default: fail("an object where none belongs");
    }
    return true;
  }
  bool key(string_t& name) {
    if (place_ == Place::entry) {
      const unsigned bit = name == "dtype"          ? dtype_bit
                           : name == "shape"        ? shape_bit
                           : name == "data_offsets" ? offsets_bit
                                                    : 0;
      if (!bit) fail("tensor " + tensor() + ": unknown key " + in_quotes(name));
      if (given_ & bit) fail("tensor " + tensor() + ": " + in_quotes(name) + " stands there twice");
      given_ |= bit;
    }
    if (place_ == Place::metadata && header.metadata.count(name))
      fail("metadata " + in_quotes(name) + " stands there twice");
    key_ = std::move(name);
    return true;
  }
  bool end_object() {
    if (place_ == Place::entry) {
      if (given_ != (dtype_bit | shape_bit | offsets_bit))
        fail("tensor " + tensor() + ": needs dtype, shape and data_offsets");
      header.entries.back().at = byte();
    }
    place_ = place_ == Place::top ? Place::after : Place::top;
    return true;
  }
  bool start_array(size_t) {
    if (place_ != Place::entry || key_ == "dtype") fail("an array where none belongs");
    place_ = key_ == "shape" ? Place::shape : Place::offsets;
    count_ = 0;
    return true;
  }
  bool end_array() {
    if (place_ == Place::offsets && count_ != 2)
      fail("tensor " + tensor() + ": data_offsets are two numbers");
    place_ = Place::entry;
    return true;
  }
  bool string(string_t& text) {
    if (place_ == Place::metadata) {
      header.metadata[key_] = std::move(text);
    } else if (place_ == Place::entry && key_ == "dtype") {
      set_dtype(text);
    } else {
      fail("a string where none belongs");
    }
    return true;
  }
  bool number_unsigned(number_unsigned_t v) {
    if (v > static_cast<number_unsigned_t>(std::numeric_limits<int64_t>::max()))
      fail("the number " + std::to_string(v) + " is too large");
    const auto n = static_cast<int64_t>(v);
    TensorEntry* e = header.entries.empty() ? nullptr : &header.entries.back();
    if (place_ == Place::shape) {
      if (e->shape.size() == max_dims)
        fail("tensor " + tensor() + ": more than " + std::to_string(max_dims) + " dimensions");
      e->shape.push_back(n);
    } else if (place_ == Place::offsets) {
      if (count_ >= 2) fail("tensor " + tensor() + ": data_offsets are two numbers");
      (count_++ ? e->end : e->begin) = n;
    } else {
      fail("a number where none belongs");
    }
    return true;
  }
  bool number_integer(number_integer_t v) { fail("a negative number, " + std::to_string(v)); }
  bool number_float(number_float_t, const string_t& text) {
    fail("sizes and offsets are whole numbers below 2^63, not " + in_quotes(text));
  }
  bool null() { fail("a null where none belongs"); }
  bool boolean(bool) { fail("a true or false where none belongs"); }
  bool binary(binary_t&) { fail("bytes where none belong"); }
  bool parse_error(size_t, const std::string&, const nlohmann::detail::exception&) {
    fail("the header is no JSON");
  }

 private:
  enum class Place { before, top, metadata, entry, shape, offsets, after };
  static constexpr unsigned dtype_bit = 1, shape_bit = 2, offsets_bit = 4;

  int64_t byte() const { return length_bytes + (seen_ - json_.data()); }
  std::string tensor() const { return in_quotes(header.entries.back().name); }
  [[noreturn]] void fail(const std::string& what) const {
    throw IOError(where_ + ": byte " + std::to_string(byte()) + ": " + what);
  }

  void set_dtype(const std::string& text) {
    for (const auto& d : dtypes) {
      if (text != d.name) continue;
      header.entries.back().wire = d.wire;
      return;
    }
    fail("tensor " + tensor() + " has dtype " + in_quotes(text) +
         "; read are F32, F64, I64, U8, BOOL, F16, BF16, I8, I16, U16, I32 and U32");
  }

  std::string_view json_;
  const std::string& where_;
  const char* seen_;
  Place place_ = Place::before;
  std::string key_{};
  unsigned given_ = 0;
  int count_ = 0;
  bool has_metadata_ = false;
};

[[noreturn]] void fail(const std::string& where, const TensorEntry& e, const std::string& what) {
  throw IOError(where + ": byte " + std::to_string(e.at) + ": tensor " + in_quotes(e.name) + ": " +
                what);
}

void check_names(const SafeHeader& h, const std::string& where) {
  std::vector<const TensorEntry*> by_name;
  for (const TensorEntry& e : h.entries) by_name.push_back(&e);
  std::sort(by_name.begin(), by_name.end(), [](auto* a, auto* b) {
    return a->name < b->name || (a->name == b->name && a->at < b->at);
  });
  for (size_t i = 1; i < by_name.size(); ++i)
    if (by_name[i]->name == by_name[i - 1]->name) fail(where, *by_name[i], "stands there twice");
}

// Each begins where the one before ends, and the last ends with the file.
void check_cover(const SafeHeader& h, int64_t data_bytes, const std::string& where) {
  int64_t end = 0;
  for (const TensorEntry& e : h.entries) {
    const std::string range =
        "data_offsets [" + std::to_string(e.begin) + "," + std::to_string(e.end) + "]";
    if (e.begin > e.end) fail(where, e, range + " run backwards");
    if (e.begin != end)
      fail(where, e,
           range + (e.begin < end ? " overlap" : " leave a hole after") + " data that end at " +
               std::to_string(end));
    if (e.end > data_bytes)
      fail(where, e,
           range + " go beyond the file, which has " + std::to_string(data_bytes) +
               " bytes of data");
    if (wire_bytes(e.shape, e.wire) != e.end - e.begin)
      fail(where, e,
           range + " do not hold shape " + str(e.shape) + " of " +
               std::to_string(wire_size(e.wire)) + "-byte items");
    end = e.end;
  }
  if (end != data_bytes)
    throw IOError(where + ": its tensors cover " + std::to_string(end) +
                  " bytes of data, but it has " + std::to_string(data_bytes));
}

std::string to_json(const std::string& text) {
  try {
    return Json(text).dump();
  } catch (const Json::type_error&) {
    throw IOError("save_safetensors: a name or a text of the metadata is not UTF-8: " +
                  in_quotes(text));
  }
}

}  // namespace

std::string in_quotes(const std::string& name) {
  return "'" + (name.size() > 80 ? name.substr(0, 80) + "..." : name) + "'";
}

int64_t header_length(const void* first, int64_t file_bytes, const std::string& where) {
  if (file_bytes < length_bytes)
    throw IOError(where + ": ends at byte " + std::to_string(file_bytes) +
                  ", within the length of its header");
  uint64_t n;
  std::memcpy(&n, first, sizeof n);
  if (n > most_header_bytes)
    throw IOError(where + ": byte 0: a header of " + std::to_string(n) +
                  " bytes; at most 100000000 are allowed");
  if (static_cast<int64_t>(n) > file_bytes - length_bytes)
    throw IOError(where + ": byte 0: a header of " + std::to_string(n) + " bytes in a file of " +
                  std::to_string(file_bytes));
  return static_cast<int64_t>(n);
}

SafeHeader parse_header(std::string_view json, int64_t data_bytes, const std::string& where) {
  if (json.empty() || json[0] != '{')
    throw IOError(where + ": byte 8: the header does not start with '{'");
  while (json.back() == ' ') json.remove_suffix(1);
  if (json.back() != '}')
    throw IOError(where + ": byte " + std::to_string(length_bytes + json.size() - 1) +
                  ": the header ends with neither '}' nor spaces");
  HeaderEvents events(json, where);
  events.parse();
  SafeHeader& h = events.header;
  check_names(h, where);
  std::sort(h.entries.begin(), h.entries.end(), [](const TensorEntry& a, const TensorEntry& b) {
    return a.begin != b.begin ? a.begin < b.begin : a.end != b.end ? a.end < b.end : a.at < b.at;
  });
  check_cover(h, data_bytes, where);
  return std::move(h);
}

std::string write_header(const std::vector<NamedTensor>& tensors, const Metadata& metadata) {
  std::string json;
  for (const auto& [key, text] : metadata)
    json += (json.empty() ? "\"__metadata__\":{" : ",") + to_json(key) + ":" + to_json(text);
  if (!json.empty()) json += "}";
  int64_t begin = 0;
  for (const auto& [name, t] : tensors) {
    const int64_t end = begin + t.numel() * item_size(t.dtype());
    json += (json.empty() ? "" : ",") + to_json(name) + ":{\"dtype\":\"" + name_of(t.dtype()) +
            "\",\"shape\":" + str(t.shape()) + ",\"data_offsets\":[" + std::to_string(begin) + "," +
            std::to_string(end) + "]}";
    begin = end;
  }
  json = "{" + json + "}";
  json.append((8 - json.size() % 8) % 8, ' ');
  if (static_cast<int64_t>(json.size()) > most_header_bytes)
    throw IOError("save_safetensors: a header of " + std::to_string(json.size()) +
                  " bytes; at most 100000000 are allowed");
  const uint64_t n = json.size();
  std::string out(sizeof n, '\0');
  std::memcpy(out.data(), &n, sizeof n);
  return out + json;
}

}  // namespace regrad::detail
