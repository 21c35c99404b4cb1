// A folder of the test's own, gone with it.
#pragma once

#include <regrad/engine/io/files.h>

#include <cstdlib>
#include <filesystem>
#include <string>

namespace regrad::test {

class TempFolder {
 public:
  TempFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "regrad-test-XXXXXX").string();
    if (!::mkdtemp(name.data())) throw IOError(name + ": cannot create the folder");
    name_ = name;
  }
  ~TempFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(name_, ignored);
  }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  const std::string& name() const { return name_; }
  std::string operator/(const std::string& file) const { return name_ + "/" + file; }

 private:
  std::string name_;
};

// What f() throws: an E with these words in its message. Empty where all is as wanted, else what
// was.
template <class E, class F>
std::string complaint(F&& f, const std::string& words) {
  try {
    f();
  } catch (const E& e) {
    const std::string message = e.what();
    return message.find(words) == std::string::npos ? "'" + message + "' lacks '" + words + "'"
                                                    : "";
  } catch (const std::exception& e) {
    return std::string("another error: ") + e.what();
  }
  return "no error";
}

}  // namespace regrad::test
