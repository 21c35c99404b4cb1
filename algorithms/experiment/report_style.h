// The report's style sheet: colours by the reader's scheme, one column on a telephone, what a
// printer needs.
#pragma once

namespace regrad::experiment {

constexpr const char* kStyle = R"(
:root { color-scheme: light dark; --ink: #222; --soft: #555; --paper: #fff; --line: #dedede;
  --shade: #f6f6f6; --good: #00734f; --bad: #b3261e; --wide: #8a5a00; --mark: #ffe08a;
  --accent: #0072b2; }
@media screen and (prefers-color-scheme: dark) {
  :root { --ink: #e6e6e6; --soft: #aaa; --paper: #16181c; --line: #3a3d42; --shade: #20242a;
    --good: #4fd1a5; --bad: #ff8a80; --wide: #e6b35a; --mark: #6b5500; --accent: #56b4e9; }
  svg .paper { fill: var(--paper); } svg text { fill: var(--ink); }
  svg .grid { stroke: var(--line); } }
* { box-sizing: border-box; }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  max-width: 74rem; margin: 2rem auto; padding: 0 1rem; overflow-wrap: break-word; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 .25rem; }
h2 { font-size: 1.15rem; margin: 1.75rem 0 .5rem; } h3 { font-size: 1rem; margin: .8rem 0 .4rem; }
.about { color: var(--soft); margin: 0 0 1rem; }
.reading { font-size: 1.05rem; border-left: 4px solid var(--accent); margin: .75rem 0;
  padding: .3rem 0 .3rem .8rem; }
.note { color: var(--soft); font-size: .9rem; margin: .3rem 0; }
.scroll { overflow-x: auto; max-width: 100%; }
table { border-collapse: collapse; margin: .5rem 0; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem 1rem .25rem 0; text-align: left; border-bottom: 1px solid var(--line);
  vertical-align: top; }
th { color: var(--soft); font-weight: 500; font-size: .9rem; vertical-align: bottom; }
td { white-space: nowrap; } td small { display: block; color: var(--soft); line-height: 1.2; }
td.number { text-align: right; }
.metrics th { min-width: 8rem; max-width: 12rem; line-height: 1.25; }
.metrics th:first-child, .metrics td:first-child, .shares td:first-child { position: sticky; left: 0; min-width: 0;
  background: var(--paper); font-weight: 500; }
.paper-only { display: none; }
.star { color: var(--bad); font-weight: 700; }
.verdicts { width: 100%; } .verdicts td { white-space: normal; line-height: 1.35; }
.verdicts td:first-child { white-space: nowrap; font-weight: 600; }
.shown { color: var(--good); } .refuted { color: var(--bad); } .not-shown { color: var(--wide); }
.not-testable { color: var(--soft); }
.figures { display: grid; gap: .75rem; margin: .5rem 0;
  grid-template-columns: repeat(auto-fill, minmax(min(21rem, 100%), 1fr)); }
figure { margin: 0; border: 1px solid var(--line); border-radius: 6px; overflow: hidden; }
svg { display: block; width: 100%; height: auto; }
.chart.live svg { display: none; }
.canvas { position: relative; height: 17rem; padding: .3rem; }
pre { background: var(--shade); border-radius: 6px; padding: .7rem 1rem; font-size: .85rem;
  white-space: pre-wrap; overflow-wrap: anywhere; }
.gallery { display: flex; flex-wrap: wrap; gap: .6rem; margin: 0 0 .6rem; align-items: flex-start; }
.gallery figure { width: 7rem; border-width: 2px; } .gallery.wide figure { width: 16rem; }
.gallery figure { max-width: 100%; }
.gallery .right { border-color: #009e73; } .gallery .wrong { border-color: #d55e00; }
img { display: block; width: 100%; image-rendering: pixelated; }
figcaption { padding: .2rem .4rem; font-size: .8rem; color: var(--soft); line-height: 1.3; }
.listing td { white-space: normal; } .listing td:nth-child(n+3) { white-space: nowrap; } mark { background: var(--mark); color: inherit; }
.listing th, .listing td { padding-right: .8rem; }
.shares td { white-space: nowrap; text-align: right; padding: .2rem .5rem; }
.shares td:first-child { text-align: left; padding-left: 0; }
details { margin: .4rem 0; } summary { cursor: pointer; color: var(--accent); }
footer { color: var(--soft); font-size: .85rem; margin-top: 2rem; }
@media (max-width: 40rem) { body { margin: 1rem auto; } h1 { font-size: 1.3rem; }
  .verdicts td { display: block; border: 0; padding: 0; }
  .verdicts td:nth-child(n+3) { display: inline; padding-right: .5rem; color: var(--soft); }
  .verdicts tr { display: block; border-bottom: 1px solid var(--line); padding: .35rem 0; }
  .gallery figure { width: calc(25% - .5rem); } .gallery.wide figure { width: 100%; }
  figcaption { font-size: .7rem; } }
@media print { html { font-size: 11px; } body { max-width: none; margin: 0; padding: 0; font-size: 11px; }
  .chart.live svg { display: block; } .canvas { display: none; }
  .screen-only { display: none; } .paper-only { display: block; }
  .scroll { overflow: visible; } figure, tr { break-inside: avoid; }
  .figures { grid-template-columns: 1fr 1fr; } }
)";

}  // namespace regrad::experiment
