import { at } from './chart.ts';
import { type Html, html } from './html.ts';

/** A hyperparameter, and its share of what trials differ in, from 0 to 1. */
export interface DrawnImportance {
  name: string;
  share: number;
}

const ROW = 30;
const NAMES = 230;
const NUMBERS = 60;

/** Bars from 0 to 100 %, the most important first, as they are given. @param width user units */
export function importanceChart(bars: readonly DrawnImportance[], width: number): Html {
  const height = bars.length * ROW + 6;
  const room = width - NAMES - NUMBERS;
  const texts = bars.map(({ name, share }) => `${name} ${percentage(share)}`);
  return html`<svg class="chart importance" viewBox="0 0 ${width} ${height}" role="img" aria-label="Importance of hyperparameters: ${texts.join(', ')}">
${bars.map(({ name, share }, i) => {
  const top = 3 + i * ROW;
  const length = Math.max(0, Math.min(1, share)) * room;
  return html`<g><title>${texts[i]}</title>
<text class="name" x="${NAMES - 12}" y="${top + ROW / 2 + 4.5}" text-anchor="end">${name}</text>
<rect class="bar-ground" x="${NAMES}" y="${top + 6}" width="${room}" height="${ROW - 12}" rx="3"/>
<rect class="bar" x="${NAMES}" y="${top + 6}" width="${at(Math.max(share > 0 ? 1.5 : 0, length))}" height="${ROW - 12}" rx="3"/>
<text x="${width - NUMBERS + 12}" y="${top + ROW / 2 + 4.5}">${percentage(share)}</text></g>`;
})}
</svg>`;
}

function percentage(share: number): string {
  const value = share * 100;
  return value > 0 && value < 1 ? '< 1 %' : `${Math.round(value)} %`;
}
