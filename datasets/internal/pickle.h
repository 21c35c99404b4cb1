// The few pickles that Planetoid's files hold, read as data: nothing that a pickle names is ever
// called. Internal to the readers.
//
// Read is Python 2's protocol 2: numbers, strings, None, bools, tuples, lists, dicts, and objects
// of numpy.ndarray and dtype, scipy's csr_matrix and collections.defaultdict(list). Anything else
// is an IOError naming file, byte and opcode or name.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

namespace regrad::detail {

// A value of a pickle. Others are named by their place in Pickle::values, so that values may be
// shared, or hold themselves, and all go at once.
struct PickleValue {
  enum Kind : uint8_t {
    none,
    boolean,
    integer,
    string,
    tuple,
    list,
    dict,
    global,
    object
  } kind = none;
  int64_t number = 0;        // boolean, integer
  std::string_view bytes{};  // string; global: "module name"
  std::vector<int32_t>
      // tuple, list; dict: key, value, key, value, ..; object: what was called, its arguments, and
      // its state where it has one
      items{};
  int64_t at = 0;  // byte of the opcode that made it
};

struct Pickle {
  std::deque<PickleValue> values;
  int32_t top = 0;  // the value it is of
  std::string where;
};
// The bytes must outlive the result.
Pickle read_pickle(std::string_view bytes, const std::string& where);

// What the values are, or an IOError naming the byte.
struct DenseArray {
  int64_t rows = 0, columns = 0;  // one dimension: columns 1
  std::vector<double> items;      // row by row
};
struct SparseRows {
  int64_t rows = 0, columns = 0;
  std::vector<int64_t> starts;  // rows + 1 of them
  std::vector<int64_t> columns_of;
  std::vector<float> items;
};
DenseArray dense_array(const Pickle& p);
SparseRows sparse_rows(const Pickle& p);
// Node -> neighbours, in the pickle's order.
std::vector<std::pair<int64_t, std::vector<int64_t>>> neighbour_lists(const Pickle& p);

}  // namespace regrad::detail
