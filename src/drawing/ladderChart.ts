import { type ScaleLogarithmic, scaleLog } from 'd3-scale';
import { at, withoutDirections } from './chart.ts';
import { type Html, html } from './html.ts';

/** One rung, with the keys of `explain --json`; the meaning of each stands at `LadderStep` of the model. */
export interface LadderRung {
  network: string;
  own_places: number | null;
  own_share: number | null;
  background: number | null;
  ratio: number;
  weight: number;
  share: number;
}

/** Below this width a rung has two lines: its name over its pictures. */
const NARROW = 560;
/** Below this one names stand closer. */
const ROOMY = 760;
/** Pixels of a character, of the charts' letters: what is longer than its column is cut. */
const CHARACTER = 6.9;
const HEAD = 42;
/** Shares below this are drawn at it: one account's event in a million. */
const LEAST_SHARE = 1e-6;
const NESTED = /^(?:IPv[46]|[\da-f:.]+(?:\/\d+)?)$/i;

/**
 * The ladder of networks around an address, from wide to narrow: in each the account's share of its own places against everybody's, how
 * many times as likely the account is there as an attacker, and which part of the likelihood comes by it.
 * @param given as `explain` lists them
 * @param size  user units; drawn for about as many pixels. Default height: what the rungs need
 */
export function ladderChart(given: readonly LadderRung[], size: { width: number; height?: number }): Html {
  const { width } = size;
  const rungs = given.map((rung) => ({ ...rung, network: withoutDirections(rung.network) }));
  const isNarrow = width < NARROW;
  const rowHeight = Math.max(
    isNarrow ? 42 : 23,
    size.height === undefined || rungs.length === 0 ? 0 : (size.height - HEAD) / rungs.length,
  );
  const height = HEAD + rungs.length * rowHeight + 6;
  const columns = isNarrow ? narrowColumns(width) : wideColumns(width);
  const x = shareScale(rungs, columns.shares);
  const nested = rungs.findLastIndex(({ network }) => NESTED.test(network));
  const { shares, parts } = columns;
  const ticks = x.ticks.map(
    ([
      place,
      label,
    ]) => html`<g class="tick"><line x1="${at(place)}" x2="${at(place)}" y1="${HEAD - 4}" y2="${at(height - 4)}"/>
<text x="${at(place)}" y="${HEAD - 9}" text-anchor="middle">${label}</text></g>`,
  );
  const most = rungs.reduce((most, rung) => (rung.share > most.share ? rung : most), NOTHING);
  return html`<svg class="chart ladder" viewBox="0 0 ${at(width)} ${at(height)}" role="img" aria-label="${description(rungs, most)}">
${ticks}
${isNarrow ? '' : html`<text class="title" x="${columns.names.from}" y="14">network</text><text class="title" x="${columns.ratios}" y="14" text-anchor="end">ratio</text>`}
<text class="title" x="${shares.from}" y="14"><tspan class="own-sign">●</tspan> account, <tspan class="everybody-sign">┃</tspan> everybody</text>
<text class="title" x="${parts.from}" y="14">${width < ROOMY ? 'likelihood' : 'part of the likelihood'}</text>
${rungs.map((rung, k) => {
  const top = HEAD + k * rowHeight;
  const name = top + (isNarrow ? 12 : rowHeight / 2);
  const middle = isNarrow ? top + 29 : name;
  const isNested = k <= nested && NESTED.test(rung.network);
  const indent = isNested ? 6 + k * (width < ROOMY ? 3 : 5) : 6;
  const room = (isNarrow ? columns.ratios - 80 : shares.from - 26) - columns.names.from - indent;
  return html`<g class="rung${rung === most ? ' most' : ''}"><title>${sentence(rung)}</title>
<rect class="rung-ground" x="0" y="${at(top)}" width="${at(width)}" height="${at(rowHeight)}"/>
${isNested ? html`<path class="nest" d="M${at(columns.names.from + indent - 4)},${at(HEAD + (nested + 1) * rowHeight - (isNarrow ? 2 : 3))}V${at(name)}h3"/>` : ''}
<text class="rung-name" x="${at(columns.names.from + indent + 2)}" y="${at(name + 4.5)}">${shortened(rung.network, room)}</text>
${sharesMark(rung, x, middle)}
<text x="${at(columns.ratios)}" y="${at(name + 4.5)}" text-anchor="end">${ratioText(rung.ratio)}</text>
<rect class="part" x="${parts.from}" y="${at(middle - 5)}" width="${at(Math.max(rung.share > 0 ? 1 : 0, rung.share * (parts.to - parts.from)))}" height="10" rx="2"/>
<text x="${at(parts.to + 50)}" y="${at(middle + 4.5)}" text-anchor="end">${percent(rung.share)}</text></g>`;
})}
</svg>`;
}

const NOTHING: LadderRung = {
  network: '',
  own_places: null,
  own_share: null,
  background: null,
  ratio: 0,
  weight: 0,
  share: 0,
};

interface Columns {
  names: { from: number };
  shares: { from: number; to: number };
  /** where its numbers end */
  ratios: number;
  parts: { from: number; to: number };
}

function wideColumns(width: number): Columns {
  const names = width < ROOMY ? 225 : Math.max(246, width * 0.33);
  const rest = width - names - 70 - 66;
  const shares = { from: names, to: names + rest * 0.58 };
  const ratios = shares.to + 74;
  return { names: { from: 0 }, shares, ratios, parts: { from: ratios + 16, to: width - 54 } };
}

function narrowColumns(width: number): Columns {
  const shares = { from: 12, to: width * 0.57 };
  return { names: { from: 0 }, shares, ratios: width - 4, parts: { from: width * 0.66, to: width - 54 } };
}

interface ShareScale {
  place(share: number): number;
  ticks: [place: number, label: string][];
}

/** Shares by their logarithm; what is 0 stands apart, at the left end. */
function shareScale(rungs: readonly LadderRung[], { from, to }: Columns['shares']): ShareScale {
  const positive = rungs
    .flatMap(({ own_share, background }) => [own_share, background])
    .filter((share): share is number => share !== null && share > 0);
  const decades = Math.ceil(-Math.log10(Math.max(LEAST_SHARE, Math.min(0.01, ...positive))) - 1e-9);
  const log: ScaleLogarithmic<number, number> = scaleLog()
    .domain([10 ** -decades, 1])
    .range([from + 24, to])
    .clamp(true);
  const step = to - from > 170 || decades <= 3 ? 2 : 3;
  const ticks: ShareScale['ticks'] = [[from, '0']];
  for (let k = decades; k >= 0; k--) {
    // Beside the 0 there is no room for a second label.
    if (k % step === 0 && log(10 ** -k) - from > 44)
      ticks.push([log(10 ** -k), `${Number((100 * 10 ** -k).toPrecision(1))} %`]);
  }
  return { place: (share) => (share > 0 ? log(share) : from), ticks };
}

function sharesMark({ own_share, background }: LadderRung, { place }: ShareScale, y: number): Html {
  if (background === null) return html``;
  const everybody = place(background);
  const bar = html`<rect class="everybody" x="${at(everybody - 1.3)}" y="${at(y - 6)}" width="2.6" height="12"/>`;
  if (own_share === null) return bar;
  const own = place(own_share);
  const side = own_share >= background ? 'more' : 'less';
  return html`<line class="between ${side}" x1="${at(everybody)}" x2="${at(own)}" y1="${at(y)}" y2="${at(y)}"/>${bar}
<circle class="own${own_share > 0 ? '' : ' none'}" cx="${at(own)}" cy="${at(y)}" r="4.6"/>`;
}

function description(rungs: readonly LadderRung[], most: LadderRung): string {
  const most_ = most === NOTHING ? '' : `; ${percent(most.share)} of the likelihood comes by ${most.network}`;
  return `Ladder of ${rungs.length} networks around the address, wide to narrow${most_}`;
}

/** What a rung says, for those who point at it. */
function sentence({ network, own_places, own_share, background, ratio, weight, share }: LadderRung): string {
  const places =
    own_places === null ? '' : `, ${Number(own_places.toFixed(2)).toLocaleString('en-US')} of its places`;
  const own = own_share === null ? '' : `the account ${percent(own_share)}${places}; `;
  const all = background === null ? '' : `everybody ${percent(background)}; `;
  return `${network}: ${own}${all}${ratioText(ratio)} as likely as for an attacker; weight ${percent(weight)}, ${percent(share)} of the likelihood`;
}

/** `15,000×`, `0.35×`, `0` */
function ratioText(ratio: number): string {
  if (ratio === 0) return '0×';
  if (ratio >= 1e7 || ratio < 1e-6) return `${ratio.toExponential(0).replace('e+', 'e').replace('-', '−')}×`;
  if (ratio >= 100) return `${Number(ratio.toPrecision(2)).toLocaleString('en-US')}×`;
  return `${Number(ratio.toPrecision(2))}×`;
}

function percent(share: number): string {
  const value = share * 100;
  if (value === 0 || value >= 99.95) return `${Math.round(value)} %`;
  return value < 0.01 ? '< 0.01 %' : `${Number(value.toPrecision(2))} %`;
}

/** Cut in the middle: names of providers begin with their number. */
function shortened(text: string, room: number): string {
  const most = Math.max(8, Math.floor(room / CHARACTER));
  const characters = Array.from(text.slice(0, 1000));
  if (characters.length <= most) return text;
  const end = Math.floor(most * 0.25);
  return `${characters.slice(0, most - end - 1).join('')}…${characters.slice(-end).join('')}`;
}
