#!/usr/bin/env bash
# asc.sh BIN CLASSIFY: from generated scenes to answers about files. regrad-asc trains for a moment,
# `classify` reads sounds of any rate and number of channels, `spectrogram` draws them, the
# embedding example gives the same. Broken files end with exit code 3 and their name; a wrong use
# with 2; nothing is left behind.
set -euo pipefail
bin=$(realpath "$1") classify=$(realpath "$2")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

# wave.wav RATE CHANNELS SECONDS: noise in bursts, 16 bits, little-endian, by awk.
wave() {
  awk -v rate="$2" -v channels="$3" -v seconds="$4" '
    function word(v, n,  i) {
      for (i = 0; i < n; ++i) { printf "\\%03o", v % 256; v = int(v / 256) }
    }
    BEGIN {
      frames = int(rate * seconds); bytes = frames * channels * 2
      printf "RIFF"; word(36 + bytes, 4); printf "WAVEfmt "; word(16, 4); word(1, 2)
      word(channels, 2); word(rate, 4); word(rate * channels * 2, 4); word(channels * 2, 2)
      word(16, 2); printf "data"; word(bytes, 4)
      srand(1)
      for (i = 0; i < frames; ++i) {
        loud = int(i * 5 / rate) % 2 ? 9000 : 1500
        for (c = 0; c < channels; ++c) {
          v = int((rand() * 2 - 1) * loud); word(v < 0 ? v + 65536 : v, 2)
        }
      }
    }' > escaped
  printf "$(cat escaped)" > "$1"
}
wave mono.wav 8000 1 0.7
wave stereo.wav 22050 2 0.3

"$bin/regrad-asc" --help | grep -q "regrad-asc classify MODEL FILE"
"$bin/regrad-asc" --help | grep -q "regrad-asc spectrogram FILE"
"$bin/regrad-asc" --quiet --seeds 1 --methods baseline,resnorm-g --epochs 2 \
  --generated.train 8 --generated.test 2 --translation.steps 6 --compress --compression.epochs 1 \
  --compression.ratio 0.3 --out out > table
grep -q "largest int8 difference of a logit" out/result.json
model=out/models/resnorm-g-seed-0.safetensors
"$bin/regrad-asc" classify "$model" mono.wav stereo.wav | tee answers
[ "$(wc -l < answers)" = 2 ]
# A name and three scenes with their shares, the likeliest first.
grep -Eq '^stereo\.wav:( [^,]+ [0-9.]+%,){2} [^,]+ [0-9.]+%$' answers
if [ "$(sed -n 1p answers | cut -d: -f2)" = "$(sed -n 2p answers | cut -d: -f2)" ]; then
  echo "two sounds, one answer"
  exit 1
fi
awk -F'[ %,]+' '{ if ($3 < $5 || $5 < $7) exit 1 }' answers
"$classify" "$model" mono.wav stereo.wav | cmp - <(cut -d, -f1 answers)
"$bin/regrad-asc" spectrogram mono.wav --png whole.png
"$bin/regrad-asc" spectrogram stereo.wav --png seen.png --model "$model" |
  grep -q "64 mel bands x 101 frames"
for png in whole.png seen.png; do
  [ "$(head -c 4 "$png" | tail -c 3)" = PNG ]
done

expect() { # exit code, words of the message, command
  local code=$1 words=$2 found=0
  shift 2
  "$@" > /dev/null 2> message || found=$?
  [ "$found" = "$code" ] && grep -q -- "$words" message && return
  echo "expected $code and '$words': $*"
  echo "$found"
  cat message
  exit 1
}
expect 2 "--png" "$bin/regrad-asc" spectrogram mono.wav
expect 2 "FILE" "$bin/regrad-asc" classify "$model"
expect 2 "resnorm" "$bin/regrad-asc" --methods resnrom
expect 2 "batch" "$bin/regrad-asc" --batch 1000
expect 2 "tau must lie in" timeout 2 "$bin/regrad-asc" --preset small --tau 0
expect 2 "--png" "$bin/regrad-asc" spectrogram mono.wav --png ''
expect 2 "FILE" "$bin/regrad-asc" classify "$model" mono.wav ''
expect 2 "is the sound file itself" "$bin/regrad-asc" spectrogram mono.wav --png mono.wav
expect 2 "314970 bytes of 8-bit parameters" "$bin/regrad-asc" --task tau2022 --tau 8
expect 2 "partial" "$bin/regrad-asc" --partial
expect 3 "speech_commands" "$bin/regrad-asc" --task keywords --corpus commands --data "$work"
expect 5 "bytes" timeout 5 "$bin/regrad-asc" --generated.train 100000000
expect 3 "nothing.safetensors" "$bin/regrad-asc" classify nothing.safetensors mono.wav
expect 3 "nothing.wav" "$bin/regrad-asc" classify "$model" nothing.wav
expect 3 "table" "$bin/regrad-asc" classify "$model" mono.wav table
head -c 3000 mono.wav > cut.wav
expect 3 "cut.wav" "$bin/regrad-asc" classify "$model" cut.wav
# A bad file among many is named, and the others are classified.
code=0
"$bin/regrad-asc" classify "$model" mono.wav cut.wav nothing.wav stereo.wav \
  > others 2> message || code=$?
[ "$code" = 3 ] && cmp others answers
[ "$(wc -l < message)" = 3 ]
grep -q '^regrad: cut.wav: byte 40' message
grep -q '^regrad: nothing.wav: ' message
tail -n 1 message | grep -qx 'regrad: 2 of 4 files could not be read'
# What `sox -t wav - | ..` writes, and two sounds in one.
{ head -c 40 mono.wav; printf '\000\360\377\177'; tail -c +45 mono.wav; } > streamed.wav
[ "$("$bin/regrad-asc" classify "$model" streamed.wav | cut -d: -f2)" = \
  "$(sed -n 1p answers | cut -d: -f2)" ]
head -c 30 mono.wav > head.wav
expect 3 "head.wav" "$bin/regrad-asc" spectrogram head.wav --png none.png
head -c 3000 "$model" > cut.safetensors
expect 3 "cut.safetensors" "$bin/regrad-asc" classify cut.safetensors mono.wav
expect 3 "mono.wav" "$bin/regrad-asc" classify mono.wav mono.wav
expect 3 "cut.safetensors" \
  "$bin/regrad-asc" spectrogram mono.wav --png none.png --model cut.safetensors
expect 5 "no/such" "$bin/regrad-asc" spectrogram mono.wav --png no/such/folder.png
expect 3 "esc10" "$bin/regrad-asc" --task esc10 --data "$work"
[ ! -e none.png ]
