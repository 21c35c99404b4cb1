"""What programs show on a terminal: terminal.py FOLDER. A pseudo terminal that is resized, colour
left out, pages of help within 80 columns, and exit codes of wrong words."""
import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import time
import unittest

FOLDER = sys.argv.pop(1)
TABLES = ["asc", "cml", "dcil", "map", "ppp", "pqk", "rde", "rfn", "sdssl"]
COMMANDS = ["sparse", "sparse export", "sparse run", "sparse bench", "sdssl embed",
            "ppp personalize", "rde attack", "rde detect", "rde report", "rde train"]
LONG_RUN = ["--methods", "maml", "--seed", "0", "--steps", "10000000", "--threads", "1"]


def command(words):
    program, *rest = words.split()
    return [os.path.join(FOLDER, "regrad-" + program), *rest]


def there(words):
    return os.path.exists(command(words)[0])


def run(words):
    return subprocess.run(command(words), capture_output=True, text=True, timeout=120)


def resize(fd, columns):
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))


def on_terminal(widths, draws=3, **environment):
    """What a long run writes to a terminal of these widths, one after the other, each for so many
    draws of its bar; then it is stopped. A list of texts by width."""
    main, other = pty.openpty()
    resize(main, widths[0])
    env = dict(os.environ, TERM="xterm", LC_ALL="C.UTF-8", **environment)
    p = subprocess.Popen(command("cml") + LONG_RUN, stdout=subprocess.DEVNULL, stderr=other,
                         stdin=other, env=env)
    os.close(other)
    out, until = [], time.monotonic() + 60
    try:
        for width in widths:
            resize(main, width)
            text = ""
            while text.count("\r") < draws and time.monotonic() < until:
                text += os.read(main, 65536).decode()
            out.append(text)
    finally:
        p.kill()
        p.wait()
        os.close(main)
    return out


def plain(text):
    return re.sub(r"\x1b\[[0-9]*[a-zA-Z]", "", text)


class Terminal(unittest.TestCase):
    def test_resized(self):
        wide, narrow, wide_again = on_terminal([100, 30, 100])
        self.assertIn("─", wide)
        # the bar that the terminal has broken: up to where it begins, and all below is cleared
        self.assertRegex(narrow, "\r\x1b\\[[1-3]A\x1b\\[J")
        for bars, columns in (wide, 100), (narrow.split("\x1b[J", 1)[1], 30):
            for bar in plain(bars).split("\r"):
                self.assertLess(len(bar), columns)
        self.assertNotIn("\x1b[J", wide_again.split("\r", 1)[1])

    def test_forty_columns(self):
        for bar in plain(on_terminal([40])[0]).split("\r"):
            self.assertLess(len(bar), 40)
            if bar:
                self.assertIn("%", bar)

    def test_no_color_takes_colour_alone(self):
        with_colour, without = on_terminal([80])[0], on_terminal([80], NO_COLOR="1")[0]
        self.assertIn("\x1b[2m", with_colour)
        self.assertIn("─", without)
        self.assertNotRegex(without, r"\x1b\[[0-9]*m")

    def test_pages(self):
        for words in [t for t in TABLES + COMMANDS if there(t)]:
            pages = [run(words + " --help"), run(words + " -h")]
            if words in TABLES:
                pages.append(run(words + " --list"))
            for page in pages:
                self.assertEqual((page.returncode, page.stderr), (0, ""), words)
                for line in page.stdout.splitlines():
                    self.assertLessEqual(len(line), 80, words)
            self.assertEqual(pages[0].stdout, pages[1].stdout)
            if words in TABLES:
                for part in "Tasks (--task):", "Presets (--preset):", "Methods", "tiny":
                    self.assertIn(part, pages[2].stdout)
            version = run(words + " --version")
            self.assertEqual(version.returncode, 0, words)
            self.assertTrue(version.stdout.startswith("regrad "), words)

    def test_wrong_words(self):
        for words in [t for t in TABLES + COMMANDS if there(t)]:
            wrong = run(words + " --no-such-flag")
            self.assertEqual((wrong.returncode, wrong.stdout), (2, ""), words)
            self.assertIn("--help", wrong.stderr)
            self.assertEqual(run(words + " --threads 0").returncode, 2, words)

    def test_estimate_says_what_it_does(self):
        p = run("cml --steps 20 --methods maml,cml --seed 0 --estimate --test-tasks 2 "
                "--shots 5")
        self.assertEqual(p.returncode, 0, p.stderr)
        self.assertEqual([x.split(" (")[0] for x in p.stderr.splitlines()],
                         ["estimate: reading or making the data of sinusoid",
                          "estimate: timing maml, K=5", "estimate: timing cml, K=5"])
        quiet = run("cml --steps 20 --methods maml --seed 0 --estimate --quiet --test-tasks 2")
        self.assertEqual(quiet.stderr, "")


unittest.main()
