// The reference page of the ops, engine/ops/README.md, as the rows give it.
#pragma once

#include <map>
#include <string>

namespace regrad::test {

// The file that defines each row, by the row's name: the sources of a folder are searched.
std::map<std::string, std::string> files_of_rows(const std::string& folder);

// The whole page. files: as above.
std::string op_page(const std::map<std::string, std::string>& files);

}  // namespace regrad::test
