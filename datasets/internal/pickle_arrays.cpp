#include <regrad/datasets/internal/pickle.h>
#include <regrad/engine/error.h>

#include <bit>
#include <cstring>

namespace regrad::detail {
namespace {

using Value = PickleValue;

static_assert(std::endian::native == std::endian::little,
              "items are little-endian, and are copied as they lie");

[[noreturn]] void fail(const Pickle& p, const Value& v, const std::string& what) {
  throw IOError(p.where + ": byte " + std::to_string(v.at) + ": " + what);
}
void need(bool holds, const Pickle& p, const Value& v, const char* what) {
  if (!holds) fail(p, v, what);
}
const Value& at(const Pickle& p, int32_t i) { return p.values[static_cast<size_t>(i)]; }
const Value& item(const Pickle& p, const Value& v, size_t i) { return at(p, v.items[i]); }

int64_t integer(const Pickle& p, const Value& v) {
  need(v.kind == Value::integer, p, v, "a whole number should stand here");
  return v.number;
}

// An object that `name` was called for, with its state.
void need_object(const Pickle& p, const Value& v, std::string_view name, Value::Kind state) {
  const bool fits = v.kind == Value::object && v.items.size() == 3 && item(p, v, 0).bytes == name &&
                    item(p, v, 2).kind == state;
  if (!fits) fail(p, v, "an object of " + std::string(name) + " should stand here");
}

struct Array {
  std::vector<int64_t> sizes;
  std::string_view type, data;  // "f4", ..; the items' bytes
  int64_t item_bytes = 0, count = 0;
  bool fortran = false;
  const Value* value = nullptr;
};

// numpy.dtype("f4", 0, 1) with state (3, "<", None, None, None, -1, -1, 0)
std::string_view dtype_of_items(const Pickle& p, const Value& v) {
  need_object(p, v, "numpy dtype", Value::tuple);
  const Value &args = item(p, v, 1), &state = item(p, v, 2);
  need(!args.items.empty() && item(p, args, 0).kind == Value::string, p, v,
       "a dtype without a name");
  const std::string_view type = item(p, args, 0).bytes;
  need(state.items.size() >= 2 && item(p, state, 1).kind == Value::string, p, v,
       "a dtype without an order of bytes");
  const std::string_view order = item(p, state, 1).bytes;
  need(order == "<" || order == "|" || order == "=", p, v, "items are big-endian");
  for (const char* known : {"f4", "f8", "i4", "i8", "u1", "i1", "b1"})
    if (type == known) return type;
  fail(p, v,
       "items of dtype '" + std::string(type.substr(0, 8)) +
           "'; read are f4, f8, i1, i4, i8, u1 and b1");
}

// numpy's _reconstruct(ndarray, (0,), "b") with state (1, sizes, dtype, is_fortran, bytes)
Array array_of(const Pickle& p, const Value& v) {
  need_object(p, v, "numpy.core.multiarray _reconstruct", Value::tuple);
  const Value& state = item(p, v, 2);
  need(state.items.size() == 5, p, v, "an array's state has five parts");
  const Value &sizes = item(p, state, 1), &order = item(p, state, 3), &data = item(p, state, 4);
  need(sizes.kind == Value::tuple && (sizes.items.size() == 1 || sizes.items.size() == 2), p, v,
       "an array of one or two dimensions should stand here");
  need((order.kind == Value::boolean || order.kind == Value::integer) && data.kind == Value::string,
       p, v, "an array's state is order and bytes");
  Array a;
  a.type = dtype_of_items(p, item(p, state, 2));
  a.item_bytes = a.type[1] - '0';
  a.fortran = order.number != 0;
  a.data = data.bytes;
  a.value = &v;
  int64_t bytes = a.item_bytes;
  bool empty = false;
  for (size_t i = 0; i < sizes.items.size(); ++i) {
    const int64_t n = integer(p, item(p, sizes, i));
    need(n >= 0 && (n == 0 || !__builtin_mul_overflow(bytes, n, &bytes)), p, sizes,
         "an array's sizes overflow");
    empty = empty || n == 0;
    a.sizes.push_back(n);
  }
  if (empty) bytes = 0;
  need(bytes == static_cast<int64_t>(a.data.size()), p, data,
       "an array's bytes are not as many as its sizes need");
  a.count = bytes / a.item_bytes;
  return a;
}

template <class T>
T load(const char* p) {
  T v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
double number_at(const Array& a, int64_t i) {
  const char* p = a.data.data() + i * a.item_bytes;
  if (a.type == "f4") return load<float>(p);
  if (a.type == "f8") return load<double>(p);
  if (a.type == "i4") return load<int32_t>(p);
  if (a.type == "i8") return static_cast<double>(load<int64_t>(p));
  if (a.type == "i1") return load<int8_t>(p);
  return load<uint8_t>(p);
}
int64_t index_at(const Array& a, int64_t i) {
  const char* p = a.data.data() + i * a.item_bytes;
  return a.type == "i4" ? load<int32_t>(p) : load<int64_t>(p);
}
void need_indices(const Pickle& p, const Array& a) {
  need((a.type == "i4" || a.type == "i8") && a.sizes.size() == 1, p, *a.value,
       "indices are i4 or i8, in one dimension");
}

const Value& entry(const Pickle& p, const Value& dict, std::string_view key) {
  for (size_t i = 0; i + 1 < dict.items.size(); i += 2)
    if (item(p, dict, i).kind == Value::string && item(p, dict, i).bytes == key)
      return item(p, dict, i + 1);
  fail(p, dict, "the matrix has no '" + std::string(key) + "'");
}

// Starts ascend from 0 to the number of items, columns lie within the matrix.
void check_rows(const Pickle& p, const Value& v, const SparseRows& m) {
  need(m.starts.size() == static_cast<size_t>(m.rows) + 1 && m.starts[0] == 0, p, v,
       "the matrix has other row starts than rows");
  for (size_t i = 0; i + 1 < m.starts.size(); ++i)
    need(m.starts[i] <= m.starts[i + 1], p, v, "the matrix's row starts do not ascend");
  need(m.starts.back() == static_cast<int64_t>(m.columns_of.size()) &&
           m.columns_of.size() == m.items.size(),
       p, v, "the matrix has other items than its row starts need");
  for (const int64_t c : m.columns_of)
    need(c >= 0 && c < m.columns, p, v, "an item of the matrix lies outside its columns");
}

}  // namespace

DenseArray dense_array(const Pickle& p) {
  const Array a = array_of(p, at(p, p.top));
  DenseArray out{a.sizes[0], a.sizes.size() == 2 ? a.sizes[1] : 1, {}};
  out.items.reserve(static_cast<size_t>(a.count));
  for (int64_t i = 0; a.count && i < out.rows; ++i)
    for (int64_t j = 0; j < out.columns; ++j)
      out.items.push_back(number_at(a, a.fortran ? j * out.rows + i : i * out.columns + j));
  return out;
}

SparseRows sparse_rows(const Pickle& p) {
  const Value& v = at(p, p.top);
  need_object(p, v, "scipy.sparse.csr csr_matrix", Value::dict);
  const Value &dict = item(p, v, 2), &shape = entry(p, dict, "_shape");
  need(shape.kind == Value::tuple && shape.items.size() == 2, p, shape, "a matrix has two sizes");
  SparseRows m;
  m.rows = integer(p, item(p, shape, 0));
  m.columns = integer(p, item(p, shape, 1));
  need(m.rows >= 0 && m.columns >= 0, p, shape, "a size of the matrix is below 0");
  const Array starts = array_of(p, entry(p, dict, "indptr")),
              columns = array_of(p, entry(p, dict, "indices")),
              items = array_of(p, entry(p, dict, "data"));
  need_indices(p, starts);
  need_indices(p, columns);
  need(items.sizes.size() == 1, p, *items.value, "a matrix's items have one dimension");
  need(starts.count - 1 == m.rows, p, *starts.value, "the matrix has other row starts than rows");
  for (int64_t i = 0; i < starts.count; ++i) m.starts.push_back(index_at(starts, i));
  for (int64_t i = 0; i < columns.count; ++i) m.columns_of.push_back(index_at(columns, i));
  for (int64_t i = 0; i < items.count; ++i)
    m.items.push_back(static_cast<float>(number_at(items, i)));
  check_rows(p, v, m);
  return m;
}

std::vector<std::pair<int64_t, std::vector<int64_t>>> neighbour_lists(const Pickle& p) {
  const Value& v = at(p, p.top);
  need_object(p, v, "collections defaultdict", Value::dict);
  const Value& dict = item(p, v, 2);
  std::vector<std::pair<int64_t, std::vector<int64_t>>> out;
  size_t listed = 0;
  for (size_t i = 0; i + 1 < dict.items.size(); i += 2) {
    const Value& list = item(p, dict, i + 1);
    need(list.kind == Value::list, p, list, "a node's neighbours are a list");
    // A list that the pickle shares a thousand times is no thousand lists.
    listed += list.items.size();
    need(listed <= p.values.size(), p, list, "more neighbours than the file can hold");
    std::vector<int64_t> neighbours;
    for (size_t k = 0; k < list.items.size(); ++k)
      neighbours.push_back(integer(p, item(p, list, k)));
    out.emplace_back(integer(p, item(p, dict, i)), std::move(neighbours));
  }
  return out;
}

}  // namespace regrad::detail
