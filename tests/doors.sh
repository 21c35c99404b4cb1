#!/usr/bin/env bash
# doors.sh [TREE]: who may include whom (README, "Where things are"). Prints each include that
# breaks a rule, and ends with 1 where there is one.
set -euo pipefail
cd "${1:-$(dirname "$0")/..}"
bad=0

# includes PATTERN PLACE..: the lines that include a header <regrad/PATTERN.
includes() { grep -rnE "#include <regrad/($1)" --include='*.h' --include='*.cpp' "${@:2}" || true; }
without() { grep -vE "$1" || true; }
refuse() { # rule, lines that break it
  [ -z "$2" ] && return
  printf '%s:\n%s\n' "$1" "$2"
  bad=1
}

refuse "engine includes engine only" "$(includes 'layers|datasets|algorithms' engine)"
refuse "layers include engine and layers only" "$(includes 'datasets|algorithms' layers)"
refuse "datasets include engine and datasets only" "$(includes 'layers|algorithms' datasets)"
refuse "kernels have no tensors" \
  "$(includes 'engine/(tensor|ops|autograd|functional|conv|internal/node)\.h' engine/kernels)"

inside='^algorithms/([a-z_]+/)?experiment/'
refuse "nothing outside a folder named experiment includes a file inside one" \
  "$(includes '[^>]*\bexperiment/' engine layers datasets algorithms bench | without "$inside")"
refuse "a paper's folder has no data set" "$(includes datasets algorithms | without "$inside")"
for folder in algorithms/*/; do
  name=$(basename "$folder")
  [ "$name" = experiment ] && continue
  refuse "algorithms/$name includes no other paper's folder" \
    "$(includes algorithms "$folder" | without "^algorithms/$name/experiment/" |
      without "<regrad/algorithms/($name|maml|pruning|shared)/")"
done

# What an installed header declares is defined in the library that is installed with it.
library=$(sed -n '/^add_library(regrad_algorithms/,/)/p' algorithms/CMakeLists.txt)
refuse "regrad::algorithms lacks a paper's file (algorithms/CMakeLists.txt)" "$(
  cd algorithms && find . -name '*.cpp' -not -path '*/experiment/*' | sed 's|^\./||' | sort |
    while read -r file; do grep -qE "^ *$file\\)?$" <<<"$library" || echo "$file"; done)"
exit $bad
