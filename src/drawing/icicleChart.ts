import { scaleUtc } from 'd3-scale';
import { at, GROUP_COLOURS, withoutDirections } from './chart.ts';
import { type Html, html } from './html.ts';
import {
  type IcicleBlock,
  type IcicleCell,
  type IcicleGroups,
  type IcicleLayout,
  type IcicleNetwork,
  icicleGroups,
  icicleLayout,
} from './icicleLayout.ts';

/** An event to be drawn beside the networks. */
export interface IcicleEvent {
  address: string;
  /** seconds since 1970; without one it is not drawn */
  time: number | null;
  verdict: 'ok' | 'suspicious' | 'unknown';
}

const DAY = 86_400;
/** Of a character of labels, a little more than most are wide. */
const CHARACTER = 6.7;
/** Of one of a provider's name, which has capitals. */
const CAPITAL = 7.3;
const LABEL_HEIGHT = 11.5;
/** Room for the axis of time. */
const AXIS = 28;
/** The lane of networks that the account never used. */
const NEW_LANE = 30;
/** Below it, most networks would be cut to their last octets. */
const LEAST_NETWORKS = 300;
const GAP = 14;
const RIGHT = 34;
/** Of a day as a tick's label, and what keeps two apart. */
const TICK_WIDTH = 100;

/**
 * An account's networks as an icicle of address space over time: columns from wide to narrow, heights by events; beside it, in
 * lanes that go on from the networks, its events over time and the last day that the model saw of each network.
 * @param isWhole whether these are all its networks; else an event beside them may be in one that is left out
 */
export function icicleChart(
  networks: IcicleNetwork[],
  events: IcicleEvent[],
  width: number,
  isWhole = true,
): Html {
  const layout = icicleLayout(networks);
  const groups = icicleGroups(networks, GROUP_COLOURS);
  const timed = events.filter((event): event is TimedEvent => Number.isFinite(event.time));
  const strangers = timed.filter(({ address }) => layout.lane(address) === undefined);
  const days = layout.blocks.flatMap(({ cells }) => cells.map(({ node }) => node.last_time));
  const times = [...days.filter((day) => day !== null), ...timed.map(({ time }) => time)];
  const hasLanes = times.length > 0;
  const top = layout.blocks.length > 0 ? layout.blocks[0].top : AXIS;
  const laneBottom = (layout.blocks.length > 0 ? layout.bottom : top) + (strangers.length > 0 ? NEW_LANE : 0);
  const height = laneBottom + (hasLanes ? AXIS : 4);
  const right = hasLanes ? Math.round(Math.min(620, Math.max(width * 0.44, LEAST_NETWORKS))) : width - 1;
  const lanes = hasLanes && timeLanes(times, right + GAP, width - RIGHT, top, laneBottom);
  const description = `${networks.length === 0 ? 'No networks' : `Networks of the account, ${layout.blocks.reduce((sum, { cells }) => sum + cells.length, 0)} drawn`}, and ${timed.length} of its events over time. The table below says the same.`;
  return html`<svg class="chart icicle" viewBox="0 0 ${width} ${at(height)}" role="img" aria-label="${description}">
${lanes ? lanes.axis : ''}
${layout.blocks.map((block) => drawnBlock(block, groups, right))}
${lanes ? lanesOf(layout, lanes.x, right + GAP, width - RIGHT) : ''}
${strangers.length > 0 ? newLane(laneBottom, right, width - RIGHT, isWhole) : ''}
${lanes ? drawnEvents(timed, layout, lanes.x, laneBottom - NEW_LANE / 2, isWhole) : ''}
</svg>`;
}

type TimedEvent = IcicleEvent & { time: number };
type TimeScale = (seconds: number) => number;

function drawnBlock({ top, titles, cells }: IcicleBlock, groups: IcicleGroups, right: number): Html {
  const column = right / titles.length;
  return html`<g>${titles.map(
    (title, i) => html`<text class="title" x="${at(i * column + 4)}" y="${at(top - 7)}">${title}</text>`,
  )}${cells.map((cell) => drawnCell(cell, groups, column))}</g>`;
}

function drawnCell(cell: IcicleCell, groups: IcicleGroups, column: number): Html {
  const { node, from, to, top, bottom } = cell;
  const [x, width, height] = [from * column, (to - from) * column - 1, Math.max(1, bottom - top - 1)];
  const group = groups.of(cell);
  const name = group < 0 ? 'none' : group;
  return html`<g class="cell group-${name}"><title>${cellText(node)}</title>
<rect x="${at(x)}" y="${at(top)}" width="${at(width)}" height="${at(height)}"/>
<rect class="edge" x="${at(x)}" y="${at(top)}" width="3" height="${at(height)}"/>
${labels(node, x + 8, top, width - 10, height)}</g>`;
}

function cellText({ network, events, places, provider, country, last_time }: IcicleNetwork): string {
  const parts = [
    `${network}${provider === null ? '' : ` ${withoutDirections(provider)}`}${country === null ? '' : ` ${country}`}`,
    `${events} ${events === 1 ? 'event' : 'events'} from ${places} ${places === 1 ? 'place' : 'places'}`,
  ];
  if (last_time !== null) parts.push(`last on ${dayOf(last_time)}`);
  return parts.join('\n');
}

function labels(node: IcicleNetwork, x: number, top: number, width: number, height: number): Html | string {
  if (height < LABEL_HEIGHT) return '';
  const room = Math.floor(width / CHARACTER);
  const inside = node.children.length === 0 && node.places > 1 ? ` · ${node.places} places` : '';
  const network = node.network.length + inside.length <= room ? node.network + inside : endOf(node, room);
  if (network === '') return '';
  const provider = withoutDirections(node.provider ?? '');
  const isTall = height >= 2 * LABEL_HEIGHT + 4;
  const taken = isTall ? 0 : network.length * CHARACTER + 8;
  const left = Math.floor((width - taken) / CAPITAL);
  const second = provider !== '' && left >= 8 ? cut(provider, left) : '';
  const line = (y: number, text: string, kind: string, startX = x) =>
    html`<text class="${kind}" x="${at(startX)}" y="${at(y)}">${text}</text>`;
  if (second === '') return line(top + height / 2 + 4, network, 'network');
  if (isTall)
    return html`${line(top + height / 2 - 2.5, network, 'network')}${line(top + height / 2 + 11, second, 'provider')}`;
  return html`<text class="network" x="${at(x)}" y="${at(top + height / 2 + 4)}">${network}<tspan class="provider" dx="8">${second}</tspan></text>`;
}

/**
 * A network, or where it is too long its last groups: `….146.7`. Cut within one it would seem to be another; of what holds others the
 * last groups say nothing.
 */
function endOf({ network, children }: IcicleNetwork, room: number): string {
  if (network.length <= room) return network;
  if (children.length > 0) return '';
  for (let from = 1; from < network.length; from++) {
    if (/[.:]/.test(network[from]) && network.length - from + 1 <= room) return `…${network.slice(from)}`;
  }
  return '';
}

const cut = (text: string, most: number) => (text.length <= most ? text : `${text.slice(0, most - 1)}…`);

const dayOf = (seconds: number) => new Date(seconds * 1000).toISOString().slice(0, 10);

/** The axis of time, and lines at its ticks. */
function timeLanes(
  times: number[],
  left: number,
  right: number,
  top: number,
  bottom: number,
): { x: TimeScale; axis: Html } {
  let [first, last] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const time of times) {
    first = Math.min(first, time);
    last = Math.max(last, time);
  }
  // A day is drawn whole.
  const scale = scaleUtc()
    .domain([new Date((first - DAY / 4) * 1000), new Date((last + DAY) * 1000)])
    .range([left, right]);
  const most = Math.max(2, Math.floor((right - left) / TICK_WIDTH));
  const given = scale.ticks(most);
  // More may be given than were asked for.
  const ticks = given.filter((_, i) => i % Math.ceil(given.length / (most + 1)) === 0);
  const isFine = ticks.some((tick) => tick.getTime() % (DAY * 1000) !== 0);
  const format = (tick: Date) =>
    isFine ? tick.toISOString().slice(5, 16).replace('T', ' ') : tick.toISOString().slice(0, 10);
  const axis = html`<g class="lane-axis">${ticks.map(
    (
      tick,
    ) => html`<g class="tick"><line x1="${at(scale(tick))}" x2="${at(scale(tick))}" y1="${at(top)}" y2="${at(bottom)}"/>
<text x="${at(scale(tick))}" y="${at(bottom + 17)}" text-anchor="middle">${format(tick)}</text></g>`,
  )}<path class="axis" d="M${at(left)},${at(bottom)}H${at(right)}"/></g>`;
  return { x: (seconds) => scale(new Date(seconds * 1000)), axis };
}

/** A line under each network that is drawn to the end, and where the model saw it last. */
function lanesOf({ blocks }: IcicleLayout, x: TimeScale, left: number, right: number): Html[] {
  return blocks.flatMap(({ cells }) =>
    cells
      .filter(({ node }) => node.children.length === 0)
      .map(({ node, top, bottom }) => {
        const half = Math.min(7, (bottom - top - 1) / 2);
        const middle = (top + bottom - 1) / 2;
        const line =
          bottom - top >= 9
            ? html`<path class="lane" d="M${at(left)},${at(bottom - 0.5)}H${at(right)}"/>`
            : '';
        // In the middle of its day.
        const last =
          node.last_time === null
            ? ''
            : html`<path class="last-day" d="M${at(x(node.last_time + DAY / 2))},${at(middle - half)}v${at(2 * half)}"/>`;
        return html`${line}${last}`;
      }),
  );
}

function newLane(bottom: number, labelRight: number, right: number, isWhole: boolean): Html {
  const top = bottom - NEW_LANE;
  return html`<rect class="new-lane" x="0" y="${at(top)}" width="${at(right)}" height="${NEW_LANE}"/>
<text class="network" x="${at(labelRight)}" y="${at(top + NEW_LANE / 2 + 4)}" text-anchor="end">${isWhole ? 'networks it had not used' : 'networks that are not drawn, or new'}</text>`;
}

/** The strangest on top. */
const ORDER = ['ok', 'unknown', 'suspicious'] as const;

function drawnEvents(
  events: TimedEvent[],
  layout: IcicleLayout,
  x: TimeScale,
  newY: number,
  isWhole: boolean,
): Html[] {
  return ORDER.flatMap((verdict) =>
    events
      .filter((event) => event.verdict === verdict)
      .map((event) => {
        const lane = layout.lane(event.address);
        const y = lane ? (lane.cell.top + lane.cell.bottom - 1) / 2 : newY;
        // In what is summed up, or left out, a place may be new or not.
        const isNew = lane ? !lane.isOwn : isWhole;
        return eventMark(x(event.time), y, verdict, isNew, eventText(event));
      }),
  );
}

const eventText = ({ address, time, verdict }: TimedEvent) =>
  `${address}\n${new Date(time * 1000).toISOString().slice(0, 19).replace('T', ' ')}\n${verdict}`;

/** Verdicts differ in colour and shape; what came from a place that is new for certain is hollow. */
export function eventMark(
  x: number,
  y: number,
  verdict: IcicleEvent['verdict'],
  isNew: boolean,
  title?: string,
): Html {
  const of = {
    ok: 'M-3.2,0a3.2,3.2 0 1,0 6.4,0a3.2,3.2 0 1,0 -6.4,0',
    suspicious: 'M0,-5.2L4.8,3.6H-4.8Z',
    unknown: 'M-3,-3h6v6h-6Z',
  };
  return html`<path class="event ${verdict}${isNew ? ' new' : ''}" transform="translate(${at(x)} ${at(y)})" d="${of[verdict]}">${title === undefined ? '' : html`<title>${title}</title>`}</path>`;
}
