#!/usr/bin/env bash
# sparse.sh BIN CLASSIFY WRITE_INTEGERS: from a trained sparse net to answers. regrad-map trains
# for a moment, regrad-sparse exports what it left, and its `run` and the embedding example give the
# same of a picture; so they do of a net by whole numbers. Wrong files end with the exit codes of
# the other binaries, and leave nothing behind.
set -euo pipefail
bin=$(realpath "$1") classify=$(realpath "$2") write=$(realpath "$3")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

base64 -d > ring.png <<< \
  iVBORw0KGgoAAAANSUhEUgAAABAAAAAQCAAAAAA6mKC9AAAAX0lEQVR42mNgIBLIuoW6ySK4AoV73/1/t7dQAMbv/780MzRz6f9+qEjh/zpBICVY978Qon/vUkEwQ3DpXrA5bu8yoXoz37mBqND/oVABKAtDBYYZGLZgugPDpZh+QQYA8ikwQXmPa4EAAAAASUVORK5CYII=
"$bin/regrad-map" --quiet --methods map --seeds 1 --epochs 4 --train 200 --test 100 \
  --curve 100 --out out > /dev/null
"$bin/regrad-sparse" export out/models/*.safetensors --out net.safetensors | tail -n 2
"$bin/regrad-sparse" run net.safetensors ring.png | tee answer
"$bin/regrad-sparse" run --mode dense net.safetensors ring.png | cmp - answer
"$bin/regrad-map" classify net.safetensors ring.png | cmp - answer
"$classify" net.safetensors ring.png | tee embedded
if [ "$(cut -d' ' -f2,3 embedded)" != "$(cut -d' ' -f2,3 answer | tr -d ,)" ]; then
  echo "run and the embedding example differ"
  exit 1
fi
"$bin/regrad-sparse" bench net.safetensors | tail -n 1

# A net of few bits, by all ways.
"$write" few.safetensors
"$bin/regrad-sparse" run --mode integers few.safetensors ring.png | tee whole
"$bin/regrad-sparse" run few.safetensors ring.png | cut -d' ' -f1-3 | cmp - <(cut -d' ' -f1-3 whole)
"$classify" few.safetensors ring.png
"$bin/regrad-sparse" bench few.safetensors > bench
tail -n 1 bench | grep -q 'sparse .* dense .*; integers .* ms'
grep -q 'bits, of inputs' bench
grep -q ' conv .* 4          8$' bench

# A net of sounds: what makes a spectrogram of a WAV stands in the small file. Tones of 500 and of
# 1000 Hz, 16 bits at 8 kHz.
wav() { # samples, path, a period's samples as hexadecimal bytes
  local bytes=$((2 * $1))
  le() { printf "\\x$(printf %02x $(($1 & 255)))\\x$(printf %02x $(($1 >> 8 & 255)))\\x00\\x00"; }
  { printf RIFF; le $((bytes + 36))
    printf 'WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x80\x3e\0\0\x02\0\x10\0data'
    le $bytes
    for ((i = 0; i < $1 * 4; i += ${#3})); do echo -n "$3"; done | head -c $((4 * $1)) |
      sed 's/../\\x&/g' | xargs -0 printf; } > "$2"
}
low=0000001000200030002000100000f0fff0ffe0ffe0ffd0ffe0fff0ff00000000
high=0000002000300020000000e0ffd0ffe0ff00
for part in train test; do
  for n in $(seq 8); do
    mkdir -p sounds/$part/low sounds/$part/high
    wav $((3000 + 400 * n)) sounds/$part/low/$n.wav $low
    wav $((3000 + 400 * n)) sounds/$part/high/$n.wav $high
  done
done
"$bin/regrad-pqk" --quiet --task sounds --data sounds --methods pqk --seeds 1 --epochs 12 \
  --batch 4 --refresh 1 --net tiny --out words > /dev/null
"$bin/regrad-sparse" export words/models/*.safetensors --out words.safetensors | tail -n 1
"$bin/regrad-sparse" run --mode integers words.safetensors sounds/test/{low,high}/1.wav | tee heard
"$bin/regrad-ppp" classify words.safetensors sounds/test/{low,high}/1.wav > classified
[ "$(wc -l < classified)" = 2 ]
[ "$(grep -c '\.wav: \(low\|high\) .*%, \(low\|high\) .*%$' heard)" = 2 ]

expect() { # exit code, words of the message, command
  local code=$1 words=$2 found=0
  shift 2
  "$@" > /dev/null 2> message || found=$?
  [ "$found" = "$code" ] && grep -q "$words" message && return
  echo "expected $code and '$words': $*"
  echo "$found"
  cat message
  exit 1
}
expect 2 "help" "$bin/regrad-sparse" exprot
expect 2 "MODEL" "$bin/regrad-sparse" export
expect 2 "EXAMPLE" "$bin/regrad-sparse" run net.safetensors ''
expect 2 "out: an empty value" "$bin/regrad-sparse" export out/models/*.safetensors --out ''
expect 2 "is the model itself" "$bin/regrad-sparse" export net.safetensors --out net.safetensors
expect 2 "integers" "$bin/regrad-sparse" run --mode integers net.safetensors ring.png
expect 2 "mode" "$bin/regrad-sparse" run --mode whole net.safetensors ring.png
expect 3 "ring.png" "$bin/regrad-sparse" run words.safetensors ring.png
expect 3 "1.wav" "$bin/regrad-sparse" run net.safetensors sounds/test/low/1.wav
expect 3 "nothing.safetensors" "$bin/regrad-sparse" run nothing.safetensors ring.png
expect 3 "answer" "$bin/regrad-sparse" run net.safetensors answer
# A bad file among many is named, and the others are looked at.
code=0
"$bin/regrad-sparse" run net.safetensors answer ring.png nothing.png > others 2> message || code=$?
[ "$code" = 3 ] && cmp others answer
[ "$(wc -l < message)" = 3 ]
grep -q '^regrad: answer: ' message
grep -q '^regrad: nothing.png: ' message
tail -n 1 message | grep -qx 'regrad: 2 of 3 files could not be read'
head -c 300 net.safetensors > cut.safetensors
expect 3 "cut.safetensors" "$bin/regrad-sparse" run cut.safetensors ring.png
expect 3 "net.safetensors" "$bin/regrad-sparse" export net.safetensors --out again.safetensors
# A model whose metadata do not fit its tensors, or give what no file may hold.
forge() { # what is in its header, what takes its place
  LC_ALL=C sed "s/$1/$2/" out/models/*.safetensors > forged.safetensors
  ! cmp -s forged.safetensors out/models/*.safetensors
}
forge '"classes":"10"' '"classes":"11"'
expect 3 "^regrad: forged.safetensors: tensor" "$bin/regrad-sparse" export forged.safetensors \
  --out again.safetensors
forge '"deviation":"0.4' '"deviation":"0.0'
expect 3 "forged.safetensors: .* deviation" "$bin/regrad-sparse" export forged.safetensors \
  --out again.safetensors
[ ! -e again.safetensors ]
