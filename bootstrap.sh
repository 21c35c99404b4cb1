#!/usr/bin/env bash
# ./bootstrap.sh demo   installs what is missing, builds, and compares MAML with CML on sinusoids
# ./bootstrap.sh test   installs what is missing, builds, and runs every test
# For a fresh Debian 12: packages by root or sudo; where neither is there, they are named (exit 2).
set -euo pipefail
cd "$(dirname "$0")"

# ccache with the demo too: with it found later, every command line would be another, and the tests
# would compile the tree again.
run_packages=(g++ cmake ninja-build ccache libopenblas-openmp-dev liblapacke-dev librandom123-dev
  libdlpack-dev libdnnl-dev libarchive-dev libpng-dev zlib1g-dev libjpeg62-turbo-dev
  libsndfile1-dev libsamplerate0-dev libkissfft-dev libutf8proc-dev nlohmann-json3-dev
  libcli11-dev libfmt-dev libjs-chart.js)
test_packages=(doctest-dev libbenchmark-dev pkg-config python3)
ci_packages=(clang-format-14)

usage() { sed -n '2,4s/^# //p' "$0"; }

installed() { [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

cmake_is_new_enough() {
  local version
  command -v cmake >/dev/null || return 1
  version=$(cmake --version | sed -n '1s/cmake version //p')
  [ "$(printf '3.25\n%s\n' "$version" | sort -V | head -n 1)" = 3.25 ]
}

# A cmake or ninja of the user's own serves as well as Debian's.
needed() {
  case "$1" in
    cmake) ! cmake_is_new_enough ;;
    ninja-build) ! command -v ninja >/dev/null ;;
    *) ! installed "$1" ;;
  esac
}

install_missing() {
  local missing=() as_root=()
  for package in "$@"; do
    if needed "$package"; then missing+=("$package"); fi
  done
  if [ ${#missing[@]} -eq 0 ]; then return; fi
  if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null || { ! sudo -n true 2>/dev/null && ! [ -t 0 ]; }; then
      echo "bootstrap: these Debian packages are missing," \
        "and installing them needs root: ${missing[*]}" >&2
      echo "bootstrap: run  apt-get install ${missing[*]}  as root, then this script again" >&2
      exit 2
    fi
    as_root=(sudo)
  fi
  echo "bootstrap: installing ${missing[*]}"
  "${as_root[@]}" apt-get -qq update
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get -qq install --no-install-recommends -y "${missing[@]}" >/dev/null
}

build() { # preset
  cmake --preset "$1" >/dev/null
  cmake --build --preset "$1"
}

case "${1:-}" in
  demo)
    install_missing "${run_packages[@]}"
    build demo
    build/release/bin/regrad-cml --task sinusoid --preset tiny --out out/demo --force
    ;;
  test)
    install_missing "${run_packages[@]}" "${test_packages[@]}"
    preset=release
    if [ -n "${CI:-}" ]; then # warnings are errors there
      preset=ci
      install_missing "${ci_packages[@]}"
    fi
    build "$preset"
    ctest --preset "$preset"
    ;;
  -h | --help) usage ;;
  *)
    usage >&2
    exit 2
    ;;
esac
