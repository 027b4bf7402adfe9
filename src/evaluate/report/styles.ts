import { chartStyles } from '../../drawing/chart.ts';

/** The whole look of the report: light, dark, narrow screens and paper. */
export const reportStyles = `${chartStyles}
:root{--paper:#fff;--ink:#1b1f24;--soft:#4d5661;--rule:#d5dae0;--panel:#f5f7f9;--chosen:#e6f2fb;--badge:#0072b2;--badge-ink:#fff}
@media (prefers-color-scheme:dark){:root{--paper:#14181d;--ink:#e6eaee;--soft:#aab4bf;--rule:#333b44;--panel:#1c2229;
--chosen:#173247;--badge:#63b8f2;--badge-ink:#0c1217}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
main{max-width:1080px;margin:0 auto;padding:28px 24px 64px}
h1{font-size:1.7rem;line-height:1.25;margin:0 0 .3em;overflow-wrap:anywhere}
h2{font-size:1.3rem;margin:2.4em 0 .5em;padding-top:.7em;border-top:1px solid var(--rule)}
h3{font-size:1.05rem;margin:1.8em 0 .4em}
p,li{max-width:76ch;overflow-wrap:anywhere}
p{margin:.5em 0}
.soft,small,figcaption{color:var(--soft)}
small{display:block;font-size:.8rem;font-weight:400;line-height:1.3}
code{font:.88em ui-monospace,Menlo,Consolas,monospace;overflow-wrap:anywhere}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(200px,1fr));gap:14px;margin:1.4em 0}
.tile{background:var(--panel);border:1px solid var(--rule);border-radius:8px;padding:14px 16px}
.tile b{display:block;font-size:1.75rem;line-height:1.2;font-variant-numeric:tabular-nums}
.tile span{color:var(--soft);font-size:.92rem;line-height:1.4;display:block}
.headline{font-size:1.08rem}
.notes{background:var(--panel);border-left:4px solid var(--axis);padding:.5em 1em;margin:1em 0}
.notes p{margin:.3em 0}
figure{margin:1em 0}
figcaption{font-size:.92rem;max-width:76ch}
.legend{list-style:none;display:flex;flex-wrap:wrap;gap:4px 22px;padding:0;margin:.2em 0 .4em;font-size:.92rem}
.legend li{display:flex;align-items:center;gap:8px;font-variant-numeric:tabular-nums}
.legend b{font-weight:600}
.sample{flex:none;width:42px;height:10px}
.swatch{flex:none;width:26px;height:14px}
.pair{display:grid;grid-template-columns:repeat(auto-fit,minmax(430px,1fr));gap:8px 32px}
.triple{display:grid;grid-template-columns:repeat(auto-fit,minmax(300px,1fr));gap:8px 24px}
/* Letters of a chart grow and shrink with it: keep them readable. */
.wide>.chart{min-width:620px}
.pair .chart{min-width:0;max-width:560px}
.triple .chart{max-width:380px}
.pair h3,.pair figure{margin:.6em 0 .3em}
.wide{overflow-x:auto;margin:.6em 0 1em}
table{border-collapse:collapse;font-size:.9rem;font-variant-numeric:tabular-nums;min-width:min(100%,640px)}
th,td{padding:6px 10px;text-align:right;border-bottom:1px solid var(--rule);vertical-align:top}
thead th{vertical-align:bottom;color:var(--soft);font-weight:600;line-height:1.3}
thead th[colspan]{text-align:center}
tbody th{font-weight:600;text-align:left;overflow-wrap:break-word}
tr:first-child th:first-child,.text{text-align:left}
thead th.text{text-align:left}
td{white-space:nowrap}
.thresholds tbody th{min-width:15.5em}
.many{font-size:.8rem}.many th,.many td{padding:5px}.many tbody th{min-width:9em}
.strange td.text{white-space:normal;min-width:10.5em}
.strange tbody th{min-width:8.5em;max-width:16em}
.strange td.time{white-space:nowrap}
.chosen>*{background:var(--chosen)}
.badge{background:var(--badge);color:var(--badge-ink);border-radius:9px;padding:1px 8px;font-size:.75rem;white-space:nowrap}
.card{display:grid;grid-template-columns:repeat(auto-fill,minmax(300px,1fr));gap:0 28px;margin:.6em 0}
.card div{display:flex;justify-content:space-between;gap:16px;border-bottom:1px solid var(--rule);padding:5px 0}
.card dt{color:var(--soft)}
.card dd{margin:0;text-align:right;font-variant-numeric:tabular-nums}
.terms dt{font-weight:600;margin-top:.5em}
.terms dd{margin:0;color:var(--soft);max-width:76ch}
@media (max-width:560px){main{padding:16px 14px 40px}.pair,.triple{grid-template-columns:1fr}}
@media print{:root{--paper:#fff;--ink:#000;--soft:#333;--rule:#bbb;--panel:#f7f7f7;--chosen:#e6f2fb;--badge:#0072b2;--badge-ink:#fff}
body{font-size:10.5pt}main{max-width:none;padding:0}figure,tr,.tile,.card div{break-inside:avoid}h2,h3{break-after:avoid}
.tiles{grid-template-columns:repeat(4,1fr)}.tile b{font-size:1.4rem}small{font-size:6.5pt}
.pair{grid-template-columns:1fr 1fr}.triple{grid-template-columns:1fr 1fr 1fr}
.wide{overflow:visible}.wide>.chart{min-width:0}table{font-size:8pt;min-width:0}th,td{padding:3px 5px}
*{-webkit-print-color-adjust:exact;print-color-adjust:exact}}
`;
