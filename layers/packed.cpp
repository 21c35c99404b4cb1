#include <regrad/layers/packed.h>

#include <algorithm>
#include <string>

namespace regrad {
namespace {

struct Lists {
  std::vector<int64_t> ids, segment, column, place, start{0};
  void token(int64_t id, int64_t text, int64_t at) {
    ids.push_back(id);
    segment.push_back(text);
    column.push_back(at);
    place.push_back(static_cast<int64_t>(place.size()) - start.back());
  }
  void end_text() { start.push_back(static_cast<int64_t>(ids.size())); }
  Packed done() && {
    return {tensor(ids), tensor(segment), tensor(column), tensor(place), std::move(start)};
  }
};

void need_ids(const Tensor& ids) {
  if (ids.dtype() != DType::i64)
    throw DTypeError(std::string("pack: ids are ") + name(ids.dtype()) + ", must be i64");
  if (ids.dim() != 2) throw ShapeError("pack: ids " + str(ids.shape()) + " must be [N,L]");
}

// is_token(i) of element i of ids.
template <class F>
Packed pack_where(const Tensor& ids, F&& is_token) {
  return typed_memory([&] {
    const std::vector<int64_t> id = ids.to_vector<int64_t>();
    Lists out;
    const int64_t length = ids.size(1);
    for (int64_t n = 0; n < ids.size(0); ++n) {
      for (int64_t j = 0; j < length; ++j) {
        const auto i = static_cast<size_t>(n * length + j);
        if (is_token(i)) out.token(id[i], n, j);
      }
      out.end_text();
    }
    return std::move(out).done();
  });
}

// Rows of x by index, of which the one behind the last is zeros.
Tensor rows_or_zeros(const Tensor& x, const std::vector<int64_t>& index) {
  Shape one = x.shape();
  one[0] = 1;
  return index_select(cat({x, zeros(one, x.dtype())}, 0), 0, tensor(index));
}

}  // namespace

int64_t Packed::longest() const {
  int64_t most = 0;
  for (int64_t n = 0; n < texts(); ++n) most = std::max(most, length(n));
  return most;
}

Packed pack(const Tensor& ids, int64_t pad) {
  need_ids(ids);
  const std::vector<int64_t> id = ids.to_vector<int64_t>();
  return pack_where(ids, [&](size_t i) { return id[i] != pad; });
}
Packed pack(const Tensor& ids, const Tensor& mask) {
  need_ids(ids);
  if (is_floating(mask.dtype()))
    throw DTypeError(std::string("pack: the mask is ") + name(mask.dtype()) +
                     ", must be b8, u8 or i64");
  if (mask.shape() != ids.shape())
    throw ShapeError("pack: mask " + str(mask.shape()) + " for ids " + str(ids.shape()));
  const std::vector<int64_t> token = mask.to_vector<int64_t>();
  return pack_where(ids, [&](size_t i) { return token[i] != 0; });
}
Packed packed_lengths(const std::vector<int64_t>& lengths) {
  return typed_memory([&] {
    Lists out;
    for (size_t n = 0; n < lengths.size(); ++n) {
      if (lengths[n] < 0)
        throw ShapeError("packed_lengths: length " + std::to_string(lengths[n]) + " is below 0");
      for (int64_t j = 0; j < lengths[n]; ++j) out.token(0, static_cast<int64_t>(n), j);
      out.end_text();
    }
    return std::move(out).done();
  });
}

Tensor unpack(const Tensor& x, const Packed& texts) {
  return typed_memory([&] {
    const int64_t n = texts.texts(), longest = texts.longest(), tokens = texts.start.back();
    if (x.dim() == 0 || x.size(0) != tokens)
      throw ShapeError("unpack: x " + str(x.shape()) + " has not the " + std::to_string(tokens) +
                       " rows of the texts");
    Shape out = x.shape();
    out[0] = n;
    out.insert(1, longest);
    if (n * longest == tokens) return reshape(x, out);
    std::vector<int64_t> index(static_cast<size_t>(n * longest), tokens);
    for (int64_t i = 0; i < n; ++i)
      for (int64_t j = 0; j < texts.length(i); ++j)
        index[static_cast<size_t>(i * longest + j)] = texts.start[static_cast<size_t>(i)] + j;
    return reshape(rows_or_zeros(x, index), out);
  });
}
Tensor pack_rows(const Tensor& x, const Packed& texts) {
  if (x.dim() < 2 || x.size(0) != texts.texts())
    throw ShapeError("pack_rows: x " + str(x.shape()) + " is not [N,L,..] of " +
                     std::to_string(texts.texts()) + " texts");
  Shape flat = x.shape();
  flat[0] *= flat[1];
  flat.erase(1);
  return index_select(reshape(x, flat), 0, texts.segment * x.size(1) + texts.column);
}
Tensor first_rows(const Packed& texts) {
  for (int64_t n = 0; n < texts.texts(); ++n)
    if (texts.length(n) == 0)
      throw ShapeError("first_rows: text " + std::to_string(n) + " has no tokens");
  return tensor(std::vector<int64_t>(texts.start.begin(), texts.start.end() - 1));
}

}  // namespace regrad
