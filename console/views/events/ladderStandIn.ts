import { type Html, html } from '../../../src/drawing/html.ts';
import type { LadderRow } from '../../../src/serve/console/contract.ts';

/** STAND-IN for `ladderChart` of src/drawing/ladderChart.ts, which is to take its place: same name, same arguments. */
export function ladderChart(rows: LadderRow[], { width }: { width: number; height: number }): Html {
  const height = rows.length * 22 + 8;
  const most = Math.max(...rows.map(({ share }) => share), 1e-9);
  const drawn = rows.map(({ network, share }, i) => {
    const y = 4 + i * 22;
    const length = Math.max(1, (share / most) * (width - 330));
    return html`<text x="190" y="${y + 15}" text-anchor="end">${network}</text>
<rect class="honest-area" x="200" y="${y + 3}" width="${length}" height="15"/>
<text x="${length + 208}" y="${y + 15}">${(share * 100).toFixed(1)} %</text>`;
  });
  return html`<svg class="chart" viewBox="0 0 ${width} ${height}" role="img" aria-label="Ladder of networks: what each adds to the likelihood">${drawn}</svg>`;
}
