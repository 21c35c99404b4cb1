#!/usr/bin/env bash
# rde.sh BIN: regrad-rde's commands one after the other, on generated reviews: a classifier, an
# attack that is killed and goes on, detectors on its log and on features, reports. What is wrong
# ends with its exit code and message, and leaves nothing behind.
set -euo pipefail
bin=$(realpath "$1")/regrad-rde
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

"$bin" --help | grep -q "regrad-rde attack --model DIR"
for command in train attack detect report; do
  "$bin" $command --help > help
  grep -Eqi "options|flags" help
done
"$bin" train --quiet --nets cnn --train 200 --validation 20 --test 200 --epochs 6 --width 8 \
  --lr 0.01 --batch 16 --most 20 --out net --threads 1 > table
grep -q "accuracy, cnn" table
model=net/models/classifier-cnn-seed-0.safetensors
[ -e "$model" ]

# a mixture that cannot be drawn costs a column, not the table
"$bin" --quiet --seeds 1 --train 128 --validation 20 --test 150 --attacked 150 --batch 16 --epochs 4 \
  --lr 0.01 --width 16 --components 4 --adversarial 20 --attacks pwws --confident 0.999999 \
  --out hole > table
grep -q "^left out: AUC, pwws, far, cnn; .* of rde, rde-plain, .*: 0 of 1 seeds have them; cnn, seed 0: .*(confident)" table
[ "$(grep -c "^left out" table)" = 1 ]
grep -q "Left out of the table" hole/report.html
grep -q '"AUC, pwws@cnn"' hole/result.json
! grep -q 'far@cnn"' hole/result.json

# attacked whole, and in pieces: killed, and stopped by a signal
attack() { "$bin" attack --quiet --task reviews "$@"; }
attack --model net --attacked 200 --out whole.csv | grep -q "200 texts"
head -1 whole.csv | grep -q '^"ground_truth_output","num_queries",'
kills=0
for pause in 0.01 0.02 0.03 0.05 0.08; do
  "$bin" attack --quiet --task reviews --model "$model" --attacked 200 --out cut.csv \
    --checkpoint-every 0 --resume > said 2>&1 &
  child=$!
  sleep "$pause"
  signal=KILL
  [ "$pause" != 0.03 ] || signal=TERM
  kill -$signal $child 2> kill.errors || break
  wait $child 2> /dev/null && break
  kills=$((kills + 1))
  [ ! -e cut.csv ]
done
[ -e cut.csv ] || attack --model net --attacked 200 --out cut.csv --resume > said
cmp whole.csv cut.csv
[ ! -e cut.csv.attack.safetensors ]

# texts of one's own, and detectors on what the attack left
printf 'Review;Stars\n"a fine; ""good"" film";positive\n"";negative\n' > own.csv
attack --model net --texts own.csv --text-column Review --label-column Stars --out own_log.csv |
  grep -q "2 texts"
detect() { "$bin" detect --model net --task reviews --components 5 --adversarial 40 "$@"; }
detect --log whole.csv --report log.html > table
grep -q "^rde-plain " table
grep -q "<mark>" log.html
detect --log whole.csv cut.csv --by model > both
[ "$(grep -c '^S1: ' both)" = 2 ]

# features in NumPy's files
python3 - <<'PY'
import random, struct
draw = random.Random(1)
def npy(name, kind, shape, values, code):
    head = "{'descr': '%s', 'fortran_order': False, 'shape': %s, }" % (kind, shape)
    head += " " * (-(len(head) + 11) % 64) + "\n"
    open(name, "wb").write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode() +
                           struct.pack("<%d%s" % (len(values), code), *values))
npy("x.npy", "<f4", (200, 5), [draw.gauss(i // 5 % 2, 1) for i in range(1000)], "f")
npy("y.npy", "<i4", (200,), [i % 2 for i in range(200)], "i")
npy("t.npy", "<f4", (50, 5), [draw.gauss(i // 25, 1) for i in range(250)], "f")
npy("p.npy", "<i8", (50,), [0] * 50, "q")
npy("bad.npy", "<i8", (50,), [9] * 50, "q")
npy("a.npy", "|b1", (50,), [i % 3 == 0 for i in range(50)], "?")
PY
features() { "$bin" detect --components 4 "$@"; }
features --features x.npy --labels y.npy --test t.npy --predicted p.npy --attacked a.npy \
  --save guard.safetensors --scores s.npy | grep -q "^rde "
"$bin" detect --guard guard.safetensors --test t.npy --predicted p.npy --scores s2.npy > said
cmp s.npy s2.npy
features --features x.npy --labels y.npy --test t.npy --predicted p.npy | tail -50 > lines
[ "$(wc -l < lines)" = 50 ]

# the report of a run, again
cp net/report.html before.html
rm net/report.html
"$bin" report net | grep -q "accuracy, cnn"
cmp net/report.html before.html
"$bin" --quiet --seeds 1 --train 128 --validation 20 --test 150 --attacked 150 --epochs 4 \
  --batch 16 --lr 0.01 --width 16 --components 4 --confident 0.55 --adversarial 20 --out all > table
cp all/report.html before.html
"$bin" report all > again
cmp all/report.html before.html
head -3 table | cmp - <(head -3 again)
# train leaves the table's classifier: every tensor's bytes
"$bin" train --quiet --nets cnn --train 128 --validation 20 --test 150 --epochs 4 --batch 16 \
  --lr 0.01 --width 16 --out alone > table
python3 - all/models/rde-cnn-seed-0.safetensors alone/models/classifier-cnn-seed-0.safetensors <<'PY'
import struct, sys
one, other = (open(f, "rb").read() for f in sys.argv[1:])
body = lambda data: data[8 + struct.unpack("<Q", data[:8])[0]:]
sys.exit(body(one) != body(other))
PY
attack --model all --attacked 20 --out by_table.csv | grep -q "20 texts"

# empty texts, and a word of a megabyte: a table trains on them, and they are attacked
mkdir odd
python3 - <<'PY'
rows = [("a good film %d" % i, "yes") if i % 2 else ("a bad film %d" % i, "no") for i in range(60)]
rows += [("", "yes"), ("a" * 2**20, "no"), ("...", "no"), ("\u00e9\u4e2d\U0001f600", "yes")]
for part in ("train", "test"):
    with open("odd/%s.tsv" % part, "w") as f:
        f.write("text\tlabel\n" + "".join("%s\t%s\n" % r for r in rows))
PY
"$bin" train --quiet --task table --data odd --nets cnn --epochs 1 --width 4 --out odd_net > table
if [ -e /usr/share/wordnet ]; then
  "$bin" attack --quiet --model odd_net --texts odd/test.tsv --out odd.csv | grep -q "64 texts"
fi

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
forge() { # a copy of the model whose metadata have other words in their place
  python3 - "$model" "$@" <<'PY'
import json, struct, sys
source, target, key, value = sys.argv[1:]
data = open(source, "rb").read()
n = struct.unpack("<Q", data[:8])[0]
head = json.loads(data[8:8 + n])
head["__metadata__"][key] = value
text = json.dumps(head).encode()
text += b" " * (-len(text) % 8)
open(target, "wb").write(struct.pack("<Q", len(text)) + text + data[8 + n:])
PY
}
expect 2 "--out" "$bin" attack --model net
expect 2 "whole.csv: is there; --force" attack --model net --out whole.csv
expect 2 "did you mean pwws" attack --model net --attack pws --out x.csv
expect 2 "see regrad-rde attack --help" "$bin" attack --modl net --out x.csv
expect 2 "the texts of reviews have columns" "$bin" train --text-column a
expect 2 "give --log" "$bin" detect
expect 2 "is of logs, --scores of features" detect --log whole.csv --scores x.npy
expect 2 "--data has no effect" attack --model net --data odd --out x.csv
expect 2 "--text-column has no effect" attack --model net --text-column a --out x.csv
expect 2 "--wordnet has no effect" attack --model net --wordnet odd --out x.csv
expect 2 "of tf-lite are not WordNet's" "$bin" attack --model net --task table --data odd \
  --attack tf-lite --wordnet odd --out x.csv
expect 2 "--data has no effect" "$bin" detect --model net --log whole.csv --train odd/train.tsv \
  --data odd
expect 2 "--label-column has no effect" detect --log whole.csv --label-column a
expect 2 "--gamma has no effect: --guard" "$bin" detect --guard guard.safetensors --gamma 1 \
  --test t.npy --predicted p.npy
expect 2 "--components has no effect: mle" features --features x.npy --labels y.npy --method mle \
  --save x.npy
expect 2 "--seed" detect --log whole.csv --seed -1
expect 2 "--predicted FILE" features --features x.npy --labels y.npy --test t.npy
expect 2 "no folder that a run" "$bin" report "$work"
expect 2 "--report none/x.html: cannot be written: none is no folder" detect --log whole.csv \
  --report none/x.html
expect 2 "--save none/x.npy: cannot be written" features --features x.npy --labels y.npy \
  --save none/x.npy
expect 2 "components" detect --log whole.csv --components 5000
expect 3 "nothing.csv" detect --log nothing.csv
expect 3 "give --data" "$bin" train --task sst2
expect 3 "nothing" attack --model nothing --out x.csv
forge forged.safetensors vocabulary $'good\ngood'
expect 3 "forged.safetensors: its vocabulary has 'good' twice" attack --model forged.safetensors \
  --out x.csv
forge forged.safetensors vocabulary "good"
expect 3 "tensor 'embedding.weight' is" attack --model forged.safetensors --out x.csv
forge forged.safetensors class_names $'a\nb'
expect 3 "its classes are negative,positive, the model's a,b" attack --model forged.safetensors \
  --out x.csv
expect 3 "its metadata lack 'net'" attack --model guard.safetensors --out x.csv
own() { attack --model net --texts bad.csv --out x.csv; }
printf 'text,label\n"a film,positive\n' > bad.csv
expect 3 "bad.csv: line 2" own
printf 'text,label\nfine,positive\nan \xff film,positive\n' > bad.csv
expect 3 "bad.csv: line 3" own
printf 'words,label\nfine,positive\n' > bad.csv
expect 3 "'text'" own
printf 'text,label\nfine,gut\n' > bad.csv
expect 3 "gut" own
printf 'text,label\n' > bad.csv
expect 3 "bad.csv" own
printf '"original_text"\n"a"\n' > bad.csv
expect 3 "bad.csv" detect --log bad.csv
expect 3 "index.noun" "$bin" attack --model net --texts own.csv --text-column Review \
  --label-column Stars --wordnet odd --out x.csv
mkdir words sst2
for part in noun verb adj adv; do touch words/index.$part words/data.$part words/$part.exc; done
echo "film n 1 0 1 0 99999999" > words/index.noun
expect 3 "words" "$bin" attack --model net --texts own.csv --text-column Review \
  --label-column Stars --wordnet words --out x.csv
printf 'fine\t1\nbad\t2\n' | tee sst2/sst2_train.tsv sst2/sst2_dev.tsv > sst2/sst2_test.tsv
expect 3 "sst2_train.tsv: line 2" "$bin" train --task sst2 --data sst2 --out x
mkdir one
printf 'text,label\nfine,good\nbad,poor\n' | tee one/train.csv > one/test.csv
expect 3 "2 training texts; at least 10" "$bin" train --task table --data one --out x
{ echo "text,label"; printf "fine,good\n%.0s" {1..20}; } | tee one/train.csv > one/test.csv
expect 3 "one class" "$bin" train --task table --data one --out x
expect 3 "y.npy: is i64 [200], not a matrix" features --features y.npy --labels y.npy --test t.npy \
  --predicted p.npy --scores x.npy
expect 3 "bad.npy: RDE: class 9" "$bin" detect --guard guard.safetensors --test t.npy \
  --predicted bad.npy --scores x.npy
python3 - <<'PY'
data = open("x.npy", "rb").read()
open("same.npy", "wb").write(data[:128] + data[128:148] * 200)
open("nan.npy", "wb").write(data[:128] + b"\xff" * 4000)
PY
expect 4 "covariance" features --features same.npy --labels y.npy --test t.npy --predicted p.npy \
  --scores x.npy
expect 4 "row 0 is not a number" features --features nan.npy --labels y.npy --test t.npy \
  --predicted p.npy --scores x.npy
expect 2 "no/such" features --features x.npy --labels y.npy --test t.npy --predicted p.npy \
  --scores no/such/x.npy
expect 5 "no/such" attack --model net --out no/such/x.csv
[ ! -e x.csv ] && [ ! -e x.npy ] && [ ! -e x ] && [ ! -e x.csv.attack.safetensors ] && [ ! -e no ]
echo "a classifier, an attack ($kills times cut), detectors, reports; forty-five mistakes"
