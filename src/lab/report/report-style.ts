/** Light and dark. Blue, vermilion and green are those of Okabe and Ito; each line has its dashes, too. */
const colours = `:root { color-scheme: light dark; --page: #fff; --raised: #f5f7f9; --ink: #15202b; --quiet: #556270; --hairline: #dfe5ea; --edge: #7f8c99;
  --good: #00694f; --bad: #a63200; --none: #55606b; --focus: #0b66b2;
  --s0: #0068a8; --s1: #c24e00; --s2: #00765a; --s3: #a04580; --s4: #7d5f00; --s5: #4b5563; }
@media (prefers-color-scheme: dark) { :root { --page: #0f1317; --raised: #171c22; --ink: #e8edf2; --quiet: #a3afbb; --hairline: #2a323b; --edge: #74818e;
  --good: #4fcfa5; --bad: #ff9468; --none: #aab4be; --focus: #8cc6f8;
  --s0: #62b0f4; --s1: #ffa052; --s2: #3fc79a; --s3: #ee9fd0; --s4: #dcbc4e; --s5: #b8c2cc; } }`;

/** What a chart consists of. */
const shapes = `.plot text { fill: var(--quiet); } .plot .heading { fill: var(--ink); font-weight: 620; }
.plot .label { fill: var(--ink); paint-order: stroke; stroke: var(--page); stroke-width: 4px; stroke-linejoin: round; font-weight: 560; }
.grid { stroke: var(--hairline); } .grid.faint { opacity: .55; } .base { stroke: var(--edge); }
.level { stroke: var(--ink); stroke-dasharray: 6 4; stroke-width: 1.3; opacity: .75; } .mark { stroke: var(--ink); stroke-dasharray: 2 3; stroke-width: 1.3; opacity: .75; fill: none; }
.rule { stroke: var(--edge); visibility: hidden; } .rule.shown { visibility: visible; }
.hit { fill: transparent; }
.line { fill: none; stroke: var(--c); stroke-width: 2.4; stroke-linejoin: round; } .dot { fill: var(--c); stroke: var(--page); stroke-width: 1; }
.ring { fill: none; stroke: var(--c); stroke-width: 1.8; } .ring.unknown { fill: var(--page); stroke-dasharray: 2.4 2; }
.cross { fill: none; stroke: var(--c); stroke-width: 2.4; } .cover { fill: var(--page); } .area { fill: var(--c); opacity: .26; }
.at { stroke: var(--ink); stroke-width: 2.4; }
.s0 { --c: var(--s0); } .s1 { --c: var(--s1); } .s2 { --c: var(--s2); } .s3 { --c: var(--s3); } .s4 { --c: var(--s4); } .s5 { --c: var(--s5); }
.s1 .line { stroke-dasharray: 8 4; } .s2 .line { stroke-dasharray: 2 4; stroke-linecap: round; } .s3 .line { stroke-dasharray: 10 3 2 3; } .s4 .line { stroke-dasharray: 14 5; } .s5 .line { stroke-dasharray: 4 3; }`;

/** The style of a chart that stands in a file of its own. */
export const chartStyle = `${colours}
${shapes}`;

/** The style of a report, which stands within it. */
export const reportStyle = `
${colours}
*, ::before, ::after { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1200px; padding: 28px clamp(14px, 3vw, 40px) 56px; background: var(--page); color: var(--ink);
  font: 15px/1.5 Inter, system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
h1, h2, h3, p, dl, dd, ul, figure { margin: 0; padding: 0; }
h1 { font-size: clamp(20px, 2.6vw, 29px); line-height: 1.28; font-weight: 650; letter-spacing: -.015em; max-width: 46em; text-wrap: pretty; }
h2 { font-size: 18px; font-weight: 640; letter-spacing: -.01em; margin: 40px 0 12px; }
h3 { font-size: 15px; font-weight: 620; margin: 26px 0 6px; }
.kicker { color: var(--quiet); margin-bottom: 14px; }
.kicker b { color: var(--ink); font-weight: 620; }
.badge { display: inline-flex; align-items: center; gap: .45em; padding: .1em .6em .12em .5em; border: 2px solid; border-radius: 7px; font-size: .74em; font-weight: 700;
  letter-spacing: 0; margin-right: .5em; white-space: nowrap; vertical-align: .09em; }
.passed { color: var(--good); } .failed { color: var(--bad); } .invalid { color: var(--none); }
.failed.badge { background: var(--bad); border-color: var(--bad); color: var(--page); }
.invalid.badge { border-style: dashed; }
.next { margin-top: 12px; max-width: 62em; } .next b { font-weight: 640; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(210px, 100%), 1fr)); gap: 12px; margin-top: 24px; }
.figures div { background: var(--raised); border-radius: 10px; padding: 13px 16px 14px; border-left: 4px solid var(--hairline); }
.figures div { max-width: 460px; }
.figures div.kept { border-left-color: var(--good); } .figures div.missed { border-left-color: var(--bad); }
.figures dt { color: var(--quiet); font-size: 13.5px; } .figures dd.value { font-size: 24px; line-height: 1.3; font-weight: 620; letter-spacing: -.015em; }
.figures dd.value.words { font-size: 16px; letter-spacing: 0; padding: 4px 0; }
.figures dd.promise { font-size: 13.5px; color: var(--quiet); } .figures .kept .promise b { color: var(--good); } .figures .missed .promise b { color: var(--bad); }
.chart { position: relative; margin-top: 14px; } .chart + .chart { margin-top: 34px; }
.plot { display: block; width: 100%; height: auto; overflow: visible; touch-action: pan-y; font-family: inherit; }
.plot.phone { display: none; }
.plot:focus-visible, summary:focus-visible, .table:focus-visible { outline: 2px solid var(--focus); outline-offset: 3px; border-radius: 4px; }
${shapes}
.legend { display: flex; flex-wrap: wrap; gap: 4px 22px; list-style: none; margin-bottom: 6px; font-size: 14px; color: var(--quiet); }
.legend li { display: flex; align-items: center; gap: 7px; min-width: 0; unicode-bidi: isolate; } .legend svg { flex: none; } .legend .of { color: var(--ink); }
.tip { position: absolute; z-index: 1; pointer-events: none; background: var(--page); border: 1px solid var(--edge); border-radius: 8px; padding: 6px 10px; font-size: 13px;
  line-height: 1.45; white-space: pre-line; max-width: min(340px, 100%); box-shadow: 0 3px 14px #0003; }
.tip::first-line { font-weight: 640; } .tip[hidden] { display: none; }
.grid-of-charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(300px, 100%), 1fr)); gap: 26px 30px; } .grid-of-charts .chart { margin: 0; min-width: 0; }
.grid-of-charts figcaption { font-weight: 620; margin-bottom: 6px; }
table { border-collapse: collapse; width: 100%; } th, td { padding: 6px 10px 6px 0; border-bottom: 1px solid var(--hairline); text-align: left; vertical-align: top; unicode-bidi: isolate; }
th { font-weight: 600; } thead th { color: var(--quiet); border-bottom-color: var(--edge); vertical-align: bottom; line-height: 1.3; }
.numbers { font-size: 13.5px; width: auto; min-width: min(100%, 480px); } .numbers th, .numbers td { text-align: right; padding: 5px 0 5px 16px; overflow-wrap: normal; }
.numbers th:first-child, .numbers td:first-child { text-align: left; padding-left: 0; } .numbers td { min-width: 3em; max-width: 22em; overflow-wrap: anywhere; }
.table { overflow-x: auto; position: relative; }
.head th { width: 11rem; color: var(--quiet); font-weight: 500; }
.gates td.verdict { font-weight: 680; white-space: nowrap; width: 8.5em; padding-right: 22px; } .gates tr.lost td { background: color-mix(in srgb, var(--bad) 9%, transparent); }
.gates tr.lost td:first-child { box-shadow: inset 4px 0 var(--bad); } .gates td:first-child { padding-left: 12px; }
details { border-top: 1px solid var(--hairline); } details:last-of-type { border-bottom: 1px solid var(--hairline); }
summary { cursor: pointer; padding: 11px 2px; font-weight: 600; min-height: 44px; } summary span { color: var(--quiet); font-weight: 400; }
details > :last-child { margin-bottom: 22px; } .chart details, .chart details:last-of-type { border: 0; } .chart summary { font-weight: 400; color: var(--quiet); padding: 6px 2px; font-size: 14px; min-height: 32px; }
.runs { list-style: none; margin-top: 18px; color: var(--quiet); } .runs b { color: var(--ink); } .runs span { font-weight: 640; }
.findings { padding-left: 1.2em; } .findings li { margin: 3px 0; unicode-bidi: isolate; } .note { color: var(--quiet); font-size: 14px; }
footer { margin-top: 36px; } p + .table, p + p { margin-top: 8px; } code { font: 13px/1.6 ui-monospace, 'DejaVu Sans Mono', Consolas, monospace; }
@media (max-width: 700px) {
  .plot.wide { display: none; } .plot.phone { display: block; } h2 { margin-top: 32px; }
  .gates thead { position: absolute; clip-path: inset(50%); } .gates tr { display: block; border-bottom: 1px solid var(--hairline); padding: 8px 0 8px 12px; } .gates tr.lost { box-shadow: inset 4px 0 var(--bad); }
  .gates td, .gates td:first-child { display: block; border: 0; padding: 1px 0; width: auto; } .gates tr.lost td { background: none; box-shadow: none; } .gates td[data-label]::before { content: attr(data-label) ': '; color: var(--quiet); }
  .head tr { display: block; padding: 6px 0; border-bottom: 1px solid var(--hairline); } .head th, .head td { display: block; width: auto; border: 0; padding: 0; }
}
@media print {
  :root { color-scheme: light; --page: #fff; --raised: #fff; --ink: #000; --quiet: #333; --hairline: #bbb; --edge: #555; --good: #00694f; --bad: #a63200; --none: #333;
    --s0: #0068a8; --s1: #c24e00; --s2: #00765a; --s3: #a04580; --s4: #7d5f00; --s5: #4b5563; }
  body { max-width: none; padding: 0; font-size: 11px; } .figures div { border: 1px solid var(--hairline); } .table { overflow: visible; } .numbers { font-size: 9px; }
  .numbers th, .numbers td { padding-left: 7px; } h2, h3, summary { break-after: avoid; } figure, tr, .figures div { break-inside: avoid; } .tip { display: none; }
  .plot.wide { display: block; } .plot.phone { display: none; } details::details-content { content-visibility: visible; display: block; }
}
@media (forced-colors: active) { .badge, .figures div { border-color: CanvasText; } .line, .ring, .cross, .level, .mark { stroke: CanvasText; } .dot { fill: CanvasText; } }
`;
