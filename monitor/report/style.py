"""The looks of a report in a browser: light and dark, from a phone to a wide screen, and on paper."""

CSS = """
:root {
  color-scheme: light dark;
  --ground: #f3f5f7; --card: #ffffff; --line: #d5dce2; --text: #16202a; --dim: #4f5b67;
  --bad: #b3261e; --bad-ground: #fdeae8; --now: #1f6feb; --before: #b9c3cd;
  --s0: #1f6feb; --s1: #c2620a; --s2: #1b7f45; --s3: #9b1030; --s4: #7c4dd1; --s5: #74818d;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #10161b; --card: #1a222a; --line: #33404b; --text: #e7ecf1; --dim: #a9b6c2;
    --bad: #ff9a90; --bad-ground: #371c1a; --now: #6ea8ff; --before: #56636f;
    --s0: #6ea8ff; --s1: #ffb066; --s2: #7ad69b; --s3: #ff8fa3; --s4: #c4a7ff; --s5: #93a1ae;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--ground); color: var(--text); line-height: 1.45;
  font: 15px system-ui, "Segoe UI", Roboto, sans-serif; font-variant-numeric: tabular-nums;
}
main { max-width: 1200px; margin: 0 auto; padding: 20px 20px 48px; }
h1 { font-size: 26px; line-height: 1.2; margin: 0 0 4px; }
h1 small { display: block; font-size: 14px; font-weight: 600; color: var(--dim); margin-bottom: 4px; }
h2 { font-size: 18px; line-height: 1.3; margin: 0 0 10px; }
p { margin: 0; }
.scope, .more { color: var(--dim); }
.more { margin-top: 8px; }
section, dl > div { background: var(--card); border: 1px solid var(--line); border-radius: 10px; }
section { padding: 16px; margin-top: 16px; }
dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(210px, 1fr)); gap: 12px; margin: 0; }
header + dl { margin-top: 16px; }
dl > div { padding: 10px 14px; min-width: 0; }
section dl > div { background: var(--ground); }
dl + .scroll, p + .scroll { margin-top: 14px; }
dt, dd.detail { color: var(--dim); font-size: 13px; }
dd { margin: 0; overflow-wrap: anywhere; }
dd.value { font-size: 22px; font-weight: 650; line-height: 1.3; }
.bad { border-color: var(--bad) !important; background: var(--bad-ground) !important; }
.bad dd.value { color: var(--bad); }
figure { margin: 0; }
figure + figure, figure + details { margin-top: 18px; }
figcaption {
  display: flex; flex-wrap: wrap; gap: 4px 18px;
  color: var(--dim); font-size: 13px; margin-bottom: 8px;
}
.key { white-space: nowrap; }
.key::before {
  content: ""; display: inline-block; width: 12px; height: 12px; border-radius: 3px;
  margin-right: 6px; vertical-align: -1px; background: var(--key);
}
.chart { display: block; width: 100%; height: auto; overflow: visible; }
.chart .background { fill: none; }
.chart .guide { fill: none; stroke: var(--line); stroke-width: 1; }
.chart .axis > .line, .chart .x .guide { stroke: none; }
.chart .axis.line { fill: none; stroke: var(--dim); stroke-width: 1; }
.chart text { fill: var(--dim); font: 12px system-ui, "Segoe UI", Roboto, sans-serif; }
.chart .x text { text-anchor: middle; }
.chart .y text { text-anchor: end; }
.chart .bar:hover { opacity: 0.75; }
.chart.narrow { display: none; }
.time .color-0 { fill: var(--key0); }
.time .color-1 { fill: var(--key1); }
.sites .color-0 { fill: var(--s0); } .sites .color-1 { fill: var(--s1); } .sites .color-2 { fill: var(--s2); }
.sites .color-3 { fill: var(--s3); } .sites .color-4 { fill: var(--s4); } .sites .color-5 { fill: var(--s5); }
summary { cursor: pointer; color: var(--dim); }
summary:focus-visible, .scroll:focus-visible { outline: 3px solid var(--now); outline-offset: 2px; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
th, td {
  text-align: left; vertical-align: top;
  padding: 6px 18px 6px 0; border-bottom: 1px solid var(--line);
}
thead th { color: var(--dim); font-size: 13px; white-space: nowrap; }
tbody th { font-weight: 600; overflow-wrap: anywhere; min-width: 140px; }
tbody tr:last-child > * { border-bottom: 0; }
td { overflow-wrap: break-word; max-width: 420px; }
td.long { min-width: 130px; }
.number { text-align: right; white-space: nowrap; }
@media (max-width: 640px) {
  main { padding: 14px 12px 32px; }
  h1 { font-size: 22px; }
  section { padding: 12px; }
  dl { grid-template-columns: repeat(2, 1fr); gap: 8px; }
  dl > div { padding: 8px 10px; }
  dd.value { font-size: 18px; }
  .chart.wide { display: none; }
  .chart.narrow { display: block; }
  th, td { padding-right: 12px; }
}
@media print {
  body { background: none; }
  section, dl > div { break-inside: avoid; }
}
"""
