#!/usr/bin/env bash
# headers.sh PREFIX: every installed header compiles by itself, from what is installed alone.
set -euo pipefail
include=$1/include
cd "$include"
alone() {
  printf '#include <%s>\n' "$1" |
    g++ -std=c++20 -fsyntax-only -Wall -Wextra -Wpedantic -Werror -I. -x c++ - ||
    { echo "does not compile by itself: $1" && return 1; }
}
export -f alone
find regrad -name '*.h' | sort | xargs -P "$(nproc)" -I{} bash -c 'alone {}'
echo "$(find regrad -name '*.h' | wc -l) headers compile, each by itself"
