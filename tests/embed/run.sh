#!/usr/bin/env bash
# run.sh BUILD: takes the built regrad in the ways an embedding program would, and runs small
# programs each time: installed; installed and moved; pkg-config; FetchContent; add_subdirectory;
# installed as shared libraries. Then what a program may link is held against what it does link.
set -euo pipefail
build=$(realpath "$1")
here=$(realpath "$(dirname "$0")")
source=$(realpath "$here/../..")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
programs=(adapt compress cooperate detect hvp maml_step own_net prune relaxed two_threads wrong_shape)

consume() { # name, folder, build folder, cmake arguments
  local name=$1 folder=$2 into=$work/$3
  shift 3
  echo "== $name"
  cmake -S "$here/$folder" -B "$into" -G Ninja -DCMAKE_BUILD_TYPE=Release \
    -DCMAKE_CXX_COMPILER_LAUNCHER="$(command -v ccache || true)" "$@" >/dev/null
  cmake --build "$into" --target "${programs[@]}" | tail -n 1
  ctest --test-dir "$into" --output-on-failure | tail -n 3
}

cmake --install "$build" --prefix "$work/first" >/dev/null
echo "== headers"
"$here/headers.sh" "$work/first"
echo "== binaries"
for binary in "$work"/first/bin/regrad-*; do "$binary" --version | head -n 1; done
consume installed installed installed -DCMAKE_PREFIX_PATH="$work/first"
mv "$work/first" "$work/second"
consume moved installed moved -DCMAKE_PREFIX_PATH="$work/second"

echo "== pkg-config"
export PKG_CONFIG_PATH="$(dirname "$(find "$work/second" -name regrad.pc)")"
for program in "${programs[@]}"; do
  # shellcheck disable=SC2046
  g++ -std=c++20 -O1 "$here/$program.cpp" -o "$work/$program" $(pkg-config --cflags --libs regrad)
  "$work/$program"
done

echo "== what a consumer links"
runtime='linux-vdso|/lib|libgomp|libstdc\+\+|libm\.|libgcc_s|libc\.|libpthread'
numeric='libopenblas|libgfortran|libquadmath|libdnnl|libOpenCL'
ldd "$work/moved/hvp" | awk '{print $1}' | grep -vE "^($runtime|$numeric)" && exit 1
echo "nothing but OpenBLAS, its Fortran runtime, oneDNN and its OpenCL loader, libgomp and C++'s"

# Three ways from source in one build folder: regrad's commands are the same in each, so it is
# compiled once.
consume fetch source source -DREGRAD_SOURCE="$source" -DHOW=fetch
consume subdirectory source source -DREGRAD_SOURCE="$source" -DHOW=subdirectory
consume shared source source -DREGRAD_SOURCE="$source" -DHOW=fetch -DBUILD_SHARED_LIBS=ON \
  -DREGRAD_INSTALL=ON
cmake --build "$work/source" | tail -n 1
cmake --install "$work/source" --prefix "$work/shared" --strip >/dev/null
consume shared-consumer installed shared-consumer -DCMAKE_PREFIX_PATH="$work/shared"
size=$(stat -Lc %s "$(find "$work/shared" -name 'libregrad-engine.so' | head -n 1)")
echo "engine library, shared and stripped: $size bytes"
[ "$size" -le 10000000 ]
