#!/usr/bin/env python3
"""own_data.py BIN REPOSITORY SHARED [tables|readme]: a person's own pictures and sounds, by
one command each for every binary that takes them, and then `classify` on files that no training
saw.

The examples are made here: five classes of striped pictures of two sizes, and of tones at two
rates. Their names are in no order, so that an answer by name is right only where classes are kept
as they are. Where the folder SHARED holds esc10_16k_ogg.tar, five classes of that too.

The blocks of README.md and algorithms/sdssl/README.md that begin with "# own data" are run as they
are printed."""
import json, math, os, random, re, struct, subprocess, sys, tarfile, tempfile, zlib

bin_folder, repository, shared = map(os.path.realpath, sys.argv[1:4])
part = sys.argv[4] if len(sys.argv) > 4 else ""
random.seed(1)
classes = ["zebra", "ant", "mole", "crow", "bee"]


def put(path, data):
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    with open(path, "wb") as f:
        f.write(data)


def png(side, which):
    """A white stripe, one of five, on dark noise."""
    rows = b"".join(
        b"\0" + bytes((255 if x * 5 // side == which else 20) ^ random.randrange(16)
                      for x in range(side) for _ in range(3)) for _ in range(side))
    chunk = lambda kind, data: (struct.pack(">I", len(data)) + kind + data +
                                struct.pack(">I", zlib.crc32(kind + data)))
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) +
            chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def wav(rate, which):
    """Half a second of a tone, an octave a class, in noise."""
    f = 200 * 2**which * (1 + 0.05 * random.random())
    x = [0.3 * math.sin(2 * math.pi * f * t / rate) + 0.02 * (random.random() - 0.5)
         for t in range(rate // 2)]
    data = struct.pack("<%dh" % len(x), *(int(v * 32767) for v in x))
    return (b"RIFF" + struct.pack("<I", 36 + len(data)) + b"WAVEfmt " +
            struct.pack("<IHHIIHH", 16, 1, 1, rate, 2 * rate, 2, 16) + b"data" +
            struct.pack("<I", len(data)) + data)


def make():
    for which, name in enumerate(classes):
        for i in range(12):
            put(f"pictures/{name}/{i}.png", png(16 if i % 3 else 20, which))
            put(f"sounds/{name}/{i}.wav", wav(16000 if i % 4 else 8000, which))
        for part in ("train", "test"):
            put(f"parts/{part}/{name}/{part}.png", png(16, which))
            put(f"parts/{part}/{name}/{part}2.png", png(16, which))
        put(f"held/{name}.png", png(18, which))
        put(f"held/{name}.wav", wav(8000, which))


def run(program, *words, code=0):
    done = subprocess.run([os.path.join(bin_folder, "regrad-" + program), *words],
                          capture_output=True, text=True)
    assert done.returncode == code, (program, words, done.returncode, done.stdout, done.stderr)
    return done


def train(program, data, methods, *words):
    """The folder's models, by name. What was read is said, and the report has the classes."""
    out = f"out/{program}-{data}-{len(os.listdir('out'))}"
    done = run(program, "--task", "folder", "--data", data, "--methods", methods, "--seeds", "1",
               "--threads", "2", "--out", out, *words)
    assert f"5 classes ({', '.join(sorted(classes))})" in done.stderr, done.stderr
    with open(os.path.join(out, "report.html")) as f:
        assert f"5 classes ({', '.join(sorted(classes))})" in f.read(), out
    brought = {"pictures": "20 of 60 pictures brought to 16 x 16 pixels: 20 x 20 pixels (20)",
               "sounds": "15 of 60 sounds brought to 16000 Hz: 8000 Hz (15)"}
    if data in brought:
        assert brought[data] in done.stderr, done.stderr
    models = os.path.join(out, "models")
    return [os.path.join(models, m) for m in sorted(os.listdir(models))]


def answers(program, model, ending):
    """By the three names of each line: how many held-out files are told right."""
    files = [f"held/{name}.{ending}" for name in classes]
    lines = run(program, "classify", model, *files).stdout.splitlines()
    assert len(lines) == len(files), lines
    right = 0
    for name, file, line in zip(classes, files, lines):
        found = re.fullmatch(r"(\S+): (\w+) ([\d.]+)%, (\w+) ([\d.]+)%, (\w+) ([\d.]+)%", line)
        assert found and found[1] == file and found[2] in classes, line
        assert float(found[3]) >= float(found[5]) >= float(found[7]), line
        right += found[2] == name
    return right


def check(program, data, methods, *words, least=3):
    ending = "wav" if data == "sounds" else "png"
    models = train(program, data, methods, *words)
    assert models
    best = max(answers(program, m, ending) for m in models)
    print(f"regrad-{program} on {data}: {best} of 5 by the best of {len(models)} models",
          flush=True)
    assert best >= least, (program, data, best)
    return models


small = ("--epochs", "20", "--batch", "8", "--size", "16", "--net", "r8", "--refresh", "1")


def generated():
    models = {}
    for data in ("pictures", "sounds"):
        models[data] = check("map", data, "dense,map", *small, "--sparsities", "0.5,0.7")
        # dense is trained once, whatever the sparsities
        assert sum("dense" in m for m in models[data]) == 1 and len(models[data]) == 3
        check("dcil", data, "gmp", *small, "--sparsities", "0.5")
        check("pqk", data, "pq", *small, "--sparsities", "0.5", "--bits", "8", "--corner",
              "0")
        check("ppp", data, "full", "--size", "16", "--seconds", "0.5", "--people", "3",
              "--epochs", "40", "--persons", "3")
    for program, methods in (("asc", "baseline"), ("rfn", "none")):
        for devices in ("none", "simulated"):
            check(program, "sounds", methods, "--devices", devices, "--seconds", "0.5", "--batch",
                  "8", "--epochs", "20" if devices == "none" else "4",
                  least=3 if devices == "none" else 0)
    # nets that one binary alone reads; another one says whose they are
    other = check("rfn", "sounds", "none", "--net", "pooled", "--devices", "none", "--seconds",
                  "0.5", "--batch", "8", "--epochs", "20")
    said = run("map", "classify", other[0], "held/ant.wav", code=3).stderr
    assert "regrad-rfn classify" in said, said
    other = check("asc", "sounds", "cp-mobile", "--devices", "none", "--seconds", "0.5", "--batch",
                  "8", "--epochs", "1", least=0)
    # every test picture is another one than the training's
    train("dcil", "parts", "ste", "--epochs", "4", "--batch", "8", "--size", "16", "--net",
          "tiny", "--sparsities", "0.5")
    return models


def wrong(models):
    model = models["pictures"][0]
    put("broken.png", png(16, 0)[:60])
    done = run("map", "classify", model, "broken.png", "held/ant.png", "held/ant.wav", code=3)
    assert done.stdout.startswith("held/ant.png: ") and done.stdout.count("\n") == 1, done.stdout
    for words in ("broken.png", "held/ant.wav", "2 of 3 files could not be read"):
        assert words in done.stderr, done.stderr
    assert "MODEL" in run("map", "classify", "--help").stdout
    assert "regrad-map classify MODEL FILE.." in run("map", "--help").stdout
    run("map", "classify", model, code=2)
    start = run("cml", "--preset", "tiny", "--task", "images", "--methods", "maml", "--seeds", "1",
                "--steps", "2", "--test-tasks", "2", "--validation-tasks", "1",
                "--log-every", "2", "--last", "1", "--out", "out/cml")
    few = os.path.join("out/cml/models", os.listdir("out/cml/models")[0])
    with open(few, "rb") as f:
        facts = json.loads(f.read(struct.unpack("<Q", f.read(8))[0]))["__metadata__"]
    wanted = {"net": "few-shot", "encoder": "conv4", "image": "1,28,28", "ways": "5", "shots": "1",
              "steps": "2", "pixels": "from 0 to 1"}
    assert wanted.items() <= facts.items() and "alpha" in facts, facts
    assert "support set" in run("cml", "classify", few, "held/ant.png", code=3).stderr, start
    put("mixed/a/1.png", png(16, 0)), put("mixed/b/1.wav", wav(8000, 0))
    put("one/a/1.png", png(16, 0)), put("one/a/2.png", png(16, 0))
    put("bad/a/1.png", png(16, 0)[:60]), put("bad/a/2.png", png(16, 0))
    put("bad/b/1.png", png(16, 0)), put("bad/b/2.png", png(16, 0))
    os.makedirs("empty")
    for program in ("map", "dcil", "pqk", "ppp", "asc", "rfn", "sdssl"):
        for folder, words in (("mixed", "mixed: holds pictures (a/1.png) and sounds (b/1.wav)"),
                              ("empty", "empty: holds no pictures"), ("nowhere", "nowhere")):
            said = run(program, "--task", "folder", "--data", folder, code=3).stderr
            if program != "ppp" or folder != "nowhere":
                assert words in said, (program, said)
        if program not in ("asc", "rfn"):
            said = run(program, "--task", "folder", "--data", "bad", code=3).stderr
            assert "bad/a/1.png" in said, (program, said)
        if program not in ("asc", "rfn", "ppp"):
            said = run(program, "--task", "folder", "--data", "one", code=3).stderr
            assert "one class, a" in said, (program, said)
    said = run("asc", "--task", "folder", "--data", "pictures", code=3).stderr
    assert "this table takes sounds" in said, said
    said = run("sdssl", "--task", "folder", "--data", "sounds", code=3).stderr
    assert "takes pictures" in said, said
    said = run("map", "--test-share", "0.3", code=2).stderr
    assert "test_share changes nothing here" in said, said


def printed(file):
    text = open(os.path.join(repository, file)).read()
    return re.findall(r"```\n(# own data.*?)```", text, re.S)


def readme():
    path = dict(os.environ, PATH=bin_folder + os.pathsep + os.environ["PATH"])
    for file in ("README.md", "algorithms/sdssl/README.md"):
        blocks = printed(file)
        assert blocks, file
        for block in blocks:
            if "numpy" in block and subprocess.run(["python3", "-c", "import numpy"],
                                                   capture_output=True).returncode:
                print("no numpy: the k-NN of", file, "is not run")
                continue
            done = subprocess.run(["bash", "-e", "-c", block], env=path, capture_output=True,
                                  text=True)
            assert done.returncode == 0, (block, done.stdout, done.stderr)
            for name in re.findall(r"held/(\w+)\.\w+: ", done.stdout):
                assert name in classes, done.stdout
            print(f"{file}: {len(block.splitlines())} lines ran; the last words were",
                  done.stdout.splitlines()[-1], flush=True)


def esc10():
    """Five classes of ESC-10, a clip of each held out."""
    archive = os.path.join(shared, "esc10_16k_ogg.tar")
    if not os.path.exists(archive):
        return print("there is no", archive, "- ESC-10 is left out")
    by_class = {}
    with tarfile.open(archive) as tar:
        for member in tar.getmembers():
            if member.name.endswith(".ogg"):
                label = re.search(r"-(\d+)\.ogg$", member.name)[1]
                by_class.setdefault(label, []).append(tar.extractfile(member).read())
    names = sorted(by_class)[:5]
    for label in names:
        for i, data in enumerate(by_class[label][:12]):
            put(f"esc/sound{label}/{i}.ogg" if i else f"held/sound{label}.ogg", data)
    for program, words in (
            ("map", ("--methods", "dense", "--net", "tiny", "--sparsities", "0.5")),
            ("dcil", ("--methods", "dense", "--net", "tiny", "--sparsities", "0.5")),
            ("pqk", ("--methods", "pq", "--net", "tiny")),
            ("ppp", ("--methods", "full", "--epochs", "2")),
            ("asc", ("--methods", "baseline", "--epochs", "1", "--devices", "none")),
            ("rfn", ("--methods", "none", "--epochs", "1", "--devices", "none"))):
        out = f"out/esc-{program}"
        run(program, "--task", "folder", "--data", "esc", "--seeds", "1", "--out", out, *words)
        model = os.path.join(out, "models", os.listdir(out + "/models")[0])
        said = run(program, "classify", model, f"held/sound{names[0]}.ogg").stdout
        assert re.match(r"held/sound\d+\.ogg: sound\d+ [\d.]+%, sound", said), said
    print("ESC-10: six binaries trained on and classified", ", ".join(names))


with tempfile.TemporaryDirectory() as folder:
    os.chdir(folder)
    os.mkdir("out")
    make()
    if part != "readme":
        wrong(generated())
    if part != "tables":
        readme()
        esc10()
    os.chdir("/")
