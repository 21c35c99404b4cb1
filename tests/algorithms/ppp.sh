#!/usr/bin/env bash
# ppp.sh BIN EXAMPLE: from a table to a small net of a person's own. regrad-ppp trains for a moment,
# `personalize` cuts its model by a folder of pictures or sounds, regrad-sparse runs what it wrote,
# the embedding example does the same. What is wrong ends with its exit code and message, and leaves
# nothing behind.
set -euo pipefail
bin=$(realpath "$1") example=$(realpath "$2")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

# wave FILE RATE SECONDS SEED [nan]: noise in bursts, floats of 32 bits; with a NaN among them.
wave() {
  python3 - "$@" <<'PY'
import math, random, struct, sys
path, rate, seconds, seed = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])
draw = random.Random(seed)
x = [draw.gauss(0, 0.1) * (1 if i * 5 // rate % 2 else 0.2) for i in range(int(rate * seconds))]
if len(sys.argv) > 5:
    x[7] = math.nan
body = struct.pack(f"<{len(x)}f", *x)
head = b"WAVEfmt " + struct.pack("<IHHIIHH", 16, 3, 1, rate, rate * 4, 4, 32)
open(path, "wb").write(b"RIFF" + struct.pack("<I", 4 + len(head) + len(body) + 4) + head + b"data"
                       + struct.pack("<I", len(body)) + body)
PY
}
for person in ann bob cy; do
  for word in yes no; do
    mkdir -p "people/$person/$word"
    for i in 1 2 3 4; do
      wave "people/$person/$word/$i.wav" $((8000 * i)) 0.4 $((i + ${#person} * 10 + ${#word}))
    done
  done
done
mkdir mine one empty broken slow
cp people/ann/yes/1.wav mine/1.wav && cp people/ann/no/3.wav mine/3.wav && cp mine/1.wav one/
wave broken/nan.wav 8000 0.4 1 nan
wave slow/seven.wav 7 9 1

"$bin/regrad-ppp" --help | grep -q "regrad-ppp personalize --model M --samples DIR --out FILE"
"$bin/regrad-ppp" --quiet --task folder --data people --seeds 1 --methods full,ppp --epochs 20 \
  --rate 100 --target 0.3 --width 4 --persons 2 --samples 4 --out out > table
grep -q "^ppp " table
model=out/models/ppp-seed-0.safetensors full=out/models/full-seed-0.safetensors
grep -q "Channels that each person keeps" out/report.html
grep -q "Overlap between persons" out/report.html
grep -q "Accuracy by person" out/report.html
grep -q "Accuracy against size" out/report.html

personalize() { "$bin/regrad-ppp" personalize --model "$model" "$@"; }
personalize --samples mine --out small.safetensors | tee said
grep -Eq "^2 samples; channels kept by block: " said
! grep -q "100.0% of the full" said
"$bin/regrad-sparse" bench small.safetensors --batch 1 --threads 1 | grep -q "multiply"
personalize --samples one --out one.safetensors | grep -q "^1 sample;"
"$example" "$model" by_example.safetensors mine/1.wav mine/3.wav | grep -q "multiply-adds"
cmp small.safetensors by_example.safetensors

expect() { # exit code, words of the message, command
  local code=$1 words=$2 got=0
  shift 2
  "$@" > /dev/null 2> errors || got=$?
  if [ "$got" != "$code" ] || ! grep -qF -- "$words" errors; then
    echo "expected $code and '$words' of: $*, got $got:"
    cat errors
    exit 1
  fi
}
expect 2 "--samples" personalize --out x.safetensors
expect 2 "--help" personalize --samples mine --out x.safetensors --labels none
expect 2 "is the model itself" personalize --samples mine --out "$model"
expect 2 "ppp-othr" "$bin/regrad-ppp" --methods ppp-othr
expect 3 "has no gates" "$bin/regrad-ppp" personalize --model "$full" --samples mine \
  --out x.safetensors
expect 3 "holds no samples" personalize --samples empty --out x.safetensors
expect 3 "is no folder of samples" personalize --samples nowhere --out x.safetensors
expect 3 "nan.wav" personalize --samples broken --out x.safetensors
expect 3 "slow/seven.wav: resample: from 7 to" personalize --samples slow --out x.safetensors
expect 3 "nothing.safetensors" "$bin/regrad-ppp" personalize --model nothing.safetensors \
  --samples mine --out x.safetensors
expect 3 "mine/1.wav" "$bin/regrad-ppp" personalize --model mine/1.wav --samples mine --out x
expect 3 "fsdd" "$bin/regrad-ppp" --task digits --data empty
expect 2 "no/such" personalize --samples mine --out no/such/x.safetensors
[ ! -e x.safetensors ] && [ ! -e x ] && [ ! -e no ]
echo "a table, a model, a small net; thirteen mistakes"
