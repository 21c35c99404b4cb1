// The errors of regrad: one small family, each with a message of what was called, what was
// found and the rule.
//
//   try { matmul(a, b); } catch (const regrad::ShapeError& e) { ... }
//   // matmul: inner dimensions differ, [10,40] x [30,1]
//
// Library code throws; it never asserts, aborts, exits or prints.
#pragma once

#include <cstdint>
#include <new>
#include <stdexcept>
#include <string>

namespace regrad {

struct Error : std::runtime_error {
  // Within a public function of the engine the message is that function's: its name comes
  // first.
  explicit Error(const std::string& what);
  explicit Error(const char* what);
};
struct ShapeError : Error {  // shapes, dims, indices or sizes that do not fit
  using Error::Error;
};
struct DTypeError : Error {  // a dtype that the operation does not take
  using Error::Error;
};
struct IOError : Error {  // files: names the file and the byte, line or record
  using Error::Error;
};
// a file that cannot be written: names the file, the bytes it needs and the system's words
struct DiskError : IOError {
  using IOError::IOError;
};
struct ConfigError : Error {  // flags, presets, configuration files
  using Error::Error;
};
struct NumericError : Error {  // not-a-number, infinity, a matrix that is not positive definite
  using Error::Error;
};
struct GraphFreed : Error {  // a second sweep through a graph whose kept data the first one freed
  using Error::Error;
};
struct OutOfMemory : Error {  // an allocation failed; the engine stays usable
  using Error::Error;
};

namespace detail {
// With a message of figures where there is memory for one. bytes: what was asked for; 0: unknown.
[[noreturn]] void throw_out_of_memory(int64_t bytes = 0);
}  // namespace detail

// f(), where OutOfMemory takes the place of std::bad_alloc and of a list longer than any
// (std::length_error). The engine's and layers' functions are so; lists and names that your own
// code makes are not.
template <class F>
decltype(auto) typed_memory(F&& f) {
  try {
    return f();
  } catch (const std::bad_alloc&) {
    detail::throw_out_of_memory();
  } catch (const std::length_error&) {
    detail::throw_out_of_memory();
  }
}

}  // namespace regrad
