// English stop words: NLTK's list (179 words), which TextAttack's PWWS leaves alone.
#pragma once

#include <string_view>

namespace regrad {

// In any case.
bool is_stop_word(std::string_view word);

}  // namespace regrad
