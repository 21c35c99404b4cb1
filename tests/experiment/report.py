#!/usr/bin/env python3
"""Opens the report of a short run of each binary in a real browser, at 1,200 and at 390 pixels.

    tests/experiment/report.py build/release/bin [--out DIR] [--only regrad-map,regrad-cml]

What must hold: nothing is wider than the window (tables scroll by themselves), no text of a cell,
heading or legend is cut, no script fails, charts are drawn on the screen where Chart.js was found.
Exit code 0: all hold; 1: something does not; 77: there is no Chromium.
"""
import argparse
import functools
import http.server
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time

from kill import FLAGS

WIDTHS = (1200, 390)
# A page with the report in frames of these widths; when they are loaded, what was measured.
PAGE = """<!DOCTYPE html><body style="margin:0"><pre id="out"></pre><script>
const widths = %s, found = {}, errors = [];
const look = (frame, width) => {
  const page = frame.contentDocument, root = page.documentElement;
  const inside = e => e.closest('.scroll, pre, details:not([open])');
  const over = [...page.body.querySelectorAll('*')].filter(e => !inside(e) &&
    e.getClientRects().length && e.getBoundingClientRect().right > width + 1 &&
    !e.closest('svg')).map(e => e.tagName + '.' + e.className);
  const charts = page.querySelectorAll('figure.chart');
  found[width] = {scroll: root.scrollWidth, height: root.scrollHeight, over: over.slice(0, 5),
    charts: charts.length, live: page.querySelectorAll('figure.chart.live').length,
    open: [...charts].filter(f => !f.closest('details')).length,
    chartjs: Boolean(frame.contentWindow.Chart)};
};
let left = widths.length;
for (const width of widths) {
  const frame = document.createElement('iframe');
  frame.style = 'border:0;height:900px;width:' + width + 'px';
  frame.onload = () => setTimeout(() => {
    look(frame, width);
    if (--left === 0) document.getElementById('out').textContent = JSON.stringify(found);
  }, 500);
  frame.src = 'report.html';
  document.body.appendChild(frame);
}
</script></body>"""


def browser():
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if shutil.which(name):
            return name
    print("report: skipped: no Chromium")
    sys.exit(77)


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


def measured(chromium, folder):
    """What the page tells of the folder's report, and what the console said."""
    (folder / "look.html").write_text(PAGE % json.dumps(WIDTHS))
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        with tempfile.TemporaryDirectory(prefix="regrad-browser-") as profile:
            ran = subprocess.run(
                [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom",
                 "--enable-logging=stderr", f"--user-data-dir={profile}",
                 "--virtual-time-budget=20000", "--window-size=1300,1000",
                 f"http://127.0.0.1:{server.server_port}/look.html"],
                capture_output=True, text=True, timeout=240, check=False)
    finally:
        server.shutdown()
    out = re.search(r'<pre id="out">(.*?)</pre>', ran.stdout, re.S)
    if not out or not out.group(1):
        sys.exit(f"report: the browser measured nothing: {ran.stderr[-500:]}")
    said = [line for line in ran.stderr.splitlines() if "CONSOLE" in line and "favicon" not in line]
    return {int(w): v for w, v in json.loads(out.group(1)).items()}, said


def complaints(found, said):
    out = [f"the console: {line}" for line in said]
    for width, page in found.items():
        if page["scroll"] > width:
            out.append(f"at {width} pixels the page is {page['scroll']} wide")
        if page["over"]:
            out.append(f"at {width} pixels these reach out of it: {', '.join(page['over'])}")
        if page["charts"] == 0:
            out.append("it has no chart")
        if page["chartjs"] and page["live"] < page["open"]:
            out.append(f"at {width} pixels {page['live']} of {page['open']} charts were drawn")
    return out


def main():
    options = argparse.ArgumentParser(description=__doc__,
                                      formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("bin", type=pathlib.Path, help="where the binaries lie")
    options.add_argument("--out", type=pathlib.Path, help="keeps the reports")
    options.add_argument("--only", help="of these binaries")
    given = options.parse_args()
    chromium = browser()
    folder = given.out or pathlib.Path(tempfile.mkdtemp(prefix="regrad-report-"))
    bad = 0
    try:
        for name, flags in FLAGS.items():
            if given.only and name not in given.only.split(","):
                continue
            out, start = folder / name, time.monotonic()
            subprocess.run([given.bin / name, *flags, "--threads", "1", "--force", "--out", out],
                           check=True, stdout=subprocess.DEVNULL)
            found, said = measured(chromium, out)
            wrong = complaints(found, said)
            bad += len(wrong)
            print(f"{name}: {time.monotonic() - start:.1f} s, {found[1200]['charts']} charts, "
                  f"{found[1200]['height']} pixels high")
            for line in wrong:
                print(f"  {line}")
    finally:
        if not given.out:
            shutil.rmtree(folder)
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
