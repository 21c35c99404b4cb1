// A look into JSON whose form is not known yet.
#pragma once

#include <string>

namespace regrad::experiment {

// The text behind a key of the outermost object; empty where there is none, or no JSON.
std::string text_in(const std::string& json, const std::string& key);
// Whether an object stands behind it; of what is no JSON, whether the key is there at all.
bool has_object(const std::string& json, const std::string& key);

}  // namespace regrad::experiment
