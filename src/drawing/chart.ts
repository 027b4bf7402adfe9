import { type Html, type HtmlPart, html } from './html.ts';

/** A value on an axis and how it is written there. */
export type Tick = readonly [value: number, label: string];

/** What a chart is drawn in: SVG user units. */
export interface Frame {
  width: number;
  height: number;
  /** what a screen reader says in place of the picture */
  description: string;
  x: { scale: (value: number) => number; ticks: readonly Tick[]; title: string };
  y: { scale: (value: number) => number; ticks: readonly Tick[]; title: string };
}

/** Room for axis labels around the plot. */
export const MARGIN = { top: 14, right: 30, bottom: 46, left: 76 } as const;

/** The plot's own corners within a frame of that size. */
export function plotArea({ width, height }: Pick<Frame, 'width' | 'height'>) {
  return { left: MARGIN.left, right: width - MARGIN.right, top: MARGIN.top, bottom: height - MARGIN.bottom };
}

/** One SVG: grid, axes with titles, and the content on top. Colours come from `chartStyles`. */
export function framedChart(frame: Frame, content: HtmlPart): Html {
  const { width, height, x, y } = frame;
  const { left, right, top, bottom } = plotArea(frame);
  return html`<svg class="chart" viewBox="0 0 ${width} ${height}" role="img" aria-label="${frame.description}">
${x.ticks.map(
  ([
    value,
    label,
  ]) => html`<g class="tick"><line x1="${at(x.scale(value))}" x2="${at(x.scale(value))}" y1="${top}" y2="${bottom}"/>
<text x="${at(x.scale(value))}" y="${bottom + 18}" text-anchor="middle">${label}</text></g>`,
)}
${y.ticks.map(
  ([
    value,
    label,
  ]) => html`<g class="tick"><line x1="${left}" x2="${right}" y1="${at(y.scale(value))}" y2="${at(y.scale(value))}"/>
<text x="${left - 8}" y="${at(y.scale(value) + 4)}" text-anchor="end">${label}</text></g>`,
)}
<path class="axis" d="M${left},${top}V${bottom}H${right}"/>
<text class="title" x="${(left + right) / 2}" y="${height - 6}" text-anchor="middle">${x.title}</text>
<text class="title" transform="translate(14 ${(top + bottom) / 2}) rotate(-90)" text-anchor="middle">${y.title}</text>
${content}
</svg>`;
}

/** What may turn the direction of the text beside it, in names that data gave. */
const DIRECTIONS = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

export const withoutDirections = (name: string) => name.replace(DIRECTIONS, '');

/** A coordinate with as many digits as a screen can show. */
export function at(coordinate: number): number {
  return Math.round(coordinate * 100) / 100;
}

/** How many groups have colours of their own, `--group-0` and so on; all others are grey. */
export const GROUP_COLOURS = 8;

/**
 * Colours for light and dark, told apart also by colour-blind readers: the palette of Okabe and Ito (2008), lightened
 * for dark paper. Lines of detectors differ in their dashes too.
 */
export const chartStyles = `
:root{--mixture:#0072b2;--history:#5a3d9a;--freeman:#7a7a7a;--neural:#2e9bd6;--longest_shared_prefix:#d55e00;--new_network:#008a64;--new_address:#a8528a;
--popularity:#8c6d00;--oracle:#333;--honest:#0072b2;--attack:#d55e00;--mark:#b00020;
--group-0:#0072b2;--group-1:#d55e00;--group-2:#00805c;--group-3:#b0558c;--group-4:#b37700;--group-5:#2e9bd6;--group-6:#6f5aa8;--group-7:#7a4a1d;--group-none:#8b949e;
--grid:#e3e6ea;--axis:#6b7480;--ink-soft:#4d5661}
@media (prefers-color-scheme:dark){:root{--mixture:#63b8f2;--history:#b9a2f0;--freeman:#9a9a9a;--neural:#3f8fd0;--longest_shared_prefix:#ff9a52;--new_network:#3ecf9f;
--new_address:#e29ac8;--popularity:#e0c04c;--oracle:#e8e8e8;--honest:#63b8f2;--attack:#ff9a52;--mark:#ff7a88;
--group-0:#63b8f2;--group-1:#ff9a52;--group-2:#3ecf9f;--group-3:#e29ac8;--group-4:#e8c04c;--group-5:#4f8fe0;--group-6:#b9a2f0;--group-7:#c99a6b;--group-none:#7d8791;
--grid:#2c333b;--axis:#8b949e;--ink-soft:#aab4bf}}
@media print{:root{--mixture:#0072b2;--history:#5a3d9a;--freeman:#7a7a7a;--neural:#2e9bd6;--longest_shared_prefix:#d55e00;--new_network:#008a64;--new_address:#a8528a;
--popularity:#8c6d00;--oracle:#333;--honest:#0072b2;--attack:#d55e00;--mark:#b00020;
--group-0:#0072b2;--group-1:#d55e00;--group-2:#00805c;--group-3:#b0558c;--group-4:#b37700;--group-5:#2e9bd6;--group-6:#6f5aa8;--group-7:#7a4a1d;--group-none:#8b949e;
--grid:#e3e6ea;--axis:#6b7480;--ink-soft:#4d5661}}
.chart{display:block;width:100%;height:auto;font:13px system-ui,sans-serif;font-variant-numeric:tabular-nums}
.chart .tick line{stroke:var(--grid)}
.chart text{fill:var(--ink-soft)}
.chart .title{font-weight:600}
.chart .axis{fill:none;stroke:var(--axis)}
.curve{fill:none;stroke-width:2;stroke-linejoin:round}
.mixture{stroke:var(--mixture);stroke-width:3.2}
.history{stroke:var(--history);stroke-dasharray:10 3;stroke-width:1.8}
.neural{stroke:var(--neural);stroke-dasharray:3 3;stroke-width:1.8}
.freeman{stroke:var(--freeman);stroke-width:1.4}
.longest_shared_prefix{stroke:var(--longest_shared_prefix);stroke-dasharray:9 4}
.new_network{stroke:var(--new_network);stroke-dasharray:2 4;stroke-linecap:round;stroke-width:2.6}
.new_address{stroke:var(--new_address);stroke-dasharray:12 4 2 4}
.popularity{stroke:var(--popularity);stroke-width:1.6}
.oracle{stroke:var(--oracle);stroke-dasharray:5 4;stroke-width:1.8}
circle.curve{fill:var(--paper,#fff);stroke-dasharray:none;stroke-width:2.2}
.mark{stroke:var(--mark);stroke-width:1.8;fill:none}
.chart text.mark-label{fill:var(--mark);font-weight:600;stroke:var(--paper,#fff);stroke-width:4;paint-order:stroke}
.honest-area{fill:var(--honest);fill-opacity:.3;stroke:var(--honest);stroke-width:1.8}
.attack-area{fill:var(--attack);fill-opacity:.3;stroke:var(--attack);stroke-width:1.8;stroke-dasharray:7 3}
.metric{fill:none;stroke:var(--mixture);stroke-width:2.4}
circle.metric{fill:var(--mixture)}
.ladder text.rung-name{fill:var(--ink,currentColor)}
.ladder .most text{font-weight:600}
.ladder .rung-ground{fill:transparent}
.ladder .rung:hover .rung-ground,.ladder .most .rung-ground{fill:var(--panel,#f5f7f9)}
.ladder .nest{fill:none;stroke:var(--axis);stroke-opacity:.5}
.ladder .own{fill:var(--honest);stroke:var(--honest);stroke-width:1.6}
.ladder .own.none{fill:var(--paper,#fff)}
.ladder .everybody{fill:var(--ink-soft)}
.ladder .between{stroke-width:2}
.ladder .between.more{stroke:var(--honest);stroke-opacity:.55}
.ladder .between.less{stroke:var(--attack)}
.ladder .part{fill:var(--honest)}
.ladder .own-sign{fill:var(--honest)}
.ladder .everybody-sign{fill:var(--ink-soft)}
${Array.from({ length: GROUP_COLOURS }, (_, i) => `.group-${i}{--group:var(--group-${i})}`).join('')}.group-none{--group:var(--group-none)}
.icicle{font-size:11.5px}
.icicle .cell rect{fill:var(--group);fill-opacity:.2}
.icicle .cell.group-none rect{fill-opacity:.13}
.icicle .cell:hover rect{fill-opacity:.36}
.icicle .cell rect.edge,.icicle .cell:hover rect.edge{fill-opacity:1}
.icicle .cell text,.icicle text.network{fill:var(--ink,#1b1f24)}
.icicle .cell .provider{fill:var(--ink-soft)}
.icicle .lane{stroke:var(--grid);fill:none}
.icicle .new-lane{fill:var(--bad-panel,#fdecee);fill-opacity:.6}
.last-day{stroke:var(--axis);stroke-width:2;fill:none}
.event{--event:var(--good,#00663f);fill:var(--event);stroke:var(--paper,#fff);stroke-width:.8}
.event.suspicious{--event:var(--bad,#a8001c)}
.event.unknown{--event:var(--doubt,#6b5200)}
.event.new{fill:var(--paper,#fff);stroke:var(--event);stroke-width:1.6}
`;
