import type { Grouping } from './groups.ts';

/** How the map lies on the canvas: a point (x, y) is drawn at (x · scale + left, y · scale + top). */
export interface Place {
  scale: number;
  left: number;
  top: number;
}

export interface Drawn {
  xy: ArrayLike<number>; // (N, 2)
  grouping: Grouping;
  /** of points; those that are searched for and not found fade */
  matches: ReadonlySet<number> | undefined;
  chosen: number | undefined;
  neighbours: readonly number[];
  hovered: number | undefined;
  /** whether the keyboard moves the map: then a cross shows what Enter chooses */
  hasCross: boolean;
}

const RADIUS = 3;
const ROOM = 24;
const FADED = 0.12;
const PLAIN = 0.75;

/** All points in sight. */
export function fitted(xy: ArrayLike<number>, width: number, height: number): Place {
  let [left, right, top, bottom] = [Infinity, -Infinity, Infinity, -Infinity];
  for (let i = 0; i < xy.length; i += 2) {
    left = Math.min(left, xy[i]);
    right = Math.max(right, xy[i]);
    top = Math.min(top, xy[i + 1]);
    bottom = Math.max(bottom, xy[i + 1]);
  }
  if (!(right >= left)) return { scale: 1, left: width / 2, top: height / 2 };
  // One point, or points on one spot, lie in the middle.
  const scale = Math.min(
    (width - 2 * ROOM) / Math.max(right - left, 1e-6),
    (height - 2 * ROOM) / Math.max(bottom - top, 1e-6),
  );
  return {
    scale,
    left: width / 2 - (scale * (left + right)) / 2,
    top: height / 2 - (scale * (top + bottom)) / 2,
  };
}

/** The place after the scale was changed by a factor, with (x, y) of the canvas staying where it is. */
export const zoomed = ({ scale, left, top }: Place, factor: number, x: number, y: number): Place => ({
  scale: scale * factor,
  left: x + (left - x) * factor,
  top: y + (top - y) * factor,
});

/** The point that is nearest to (x, y) of the canvas, if one is near. */
export function pointAt(
  xy: ArrayLike<number>,
  { scale, left, top }: Place,
  x: number,
  y: number,
  within = 12,
): number | undefined {
  let found: number | undefined;
  let least = within * within;
  for (let i = 0; i * 2 < xy.length; i++) {
    const [dx, dy] = [xy[i * 2] * scale + left - x, xy[i * 2 + 1] * scale + top - y];
    const distance = dx * dx + dy * dy;
    if (distance > least) continue;
    least = distance;
    found = i;
  }
  return found;
}

/** Draws the map. @param canvas of which the size in pixels is set already */
export function drawMap(canvas: HTMLCanvasElement, ratio: number, drawn: Drawn, place: Place): void {
  const context = canvas.getContext('2d')!;
  const [width, height] = [canvas.width / ratio, canvas.height / ratio];
  const style = getComputedStyle(canvas);
  const colour = (name: string) => style.getPropertyValue(name).trim();
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  const { xy, grouping, matches, chosen, neighbours, hovered } = drawn;
  const N = xy.length / 2;
  const at = (i: number) => [xy[i * 2] * place.scale + place.left, xy[i * 2 + 1] * place.scale + place.top];
  const isIn = (x: number, y: number) => x > -9 && y > -9 && x < width + 9 && y < height + 9;
  // Grey below colours, the small groups above the large ones.
  const order = grouping.groups
    .map((group, index) => ({ ...group, index }))
    .sort((a, b) => Number(a.colour >= 0) - Number(b.colour >= 0) || b.count - a.count);
  for (const isMatch of matches ? [false, true] : [true]) {
    context.globalAlpha = isMatch ? PLAIN : FADED;
    for (const group of order) {
      const path = new Path2D();
      for (let i = 0; i < N; i++) {
        if (grouping.of[i] !== group.index || (matches !== undefined && matches.has(i) !== isMatch)) continue;
        const [x, y] = at(i);
        if (isIn(x, y)) addShape(path, group.shape, x, y, RADIUS);
      }
      context.fillStyle = colour(group.colour < 0 ? '--group-none' : `--group-${group.colour}`);
      context.fill(path);
    }
  }
  context.globalAlpha = 1;
  const ring = (i: number, radius: number, line: number, ink: string) => {
    const [x, y] = at(i);
    context.beginPath();
    context.arc(x, y, radius, 0, 2 * Math.PI);
    context.lineWidth = line + 2;
    context.strokeStyle = colour('--paper');
    context.stroke();
    context.lineWidth = line;
    context.strokeStyle = ink;
    context.stroke();
  };
  const ink = colour('--ink');
  if (chosen !== undefined) {
    for (const one of neighbours) ring(one, 5.5, 1.4, ink);
    ring(chosen, 8, 2.6, colour('--mark'));
  }
  if (hovered !== undefined && hovered !== chosen) ring(hovered, 6.5, 1.8, ink);
  if (drawn.hasCross) {
    context.strokeStyle = ink;
    context.lineWidth = 1;
    context.beginPath();
    context.moveTo(width / 2 - 9, height / 2);
    context.lineTo(width / 2 + 9, height / 2);
    context.moveTo(width / 2, height / 2 - 9);
    context.lineTo(width / 2, height / 2 + 9);
    context.stroke();
  }
}

/** Adds one of SHAPES: circle, square, triangle, diamond, triangle on its tip, cross. */
export function addShape(path: Path2D, shape: number, x: number, y: number, r: number): void {
  const polygon = (...corners: [number, number][]) => {
    for (const [i, [dx, dy]] of corners.entries()) {
      if (i === 0) path.moveTo(x + dx * r, y + dy * r);
      else path.lineTo(x + dx * r, y + dy * r);
    }
    path.closePath();
  };
  if (shape === 1) path.rect(x - r * 0.9, y - r * 0.9, r * 1.8, r * 1.8);
  else if (shape === 2) polygon([0, -1.3], [1.15, 0.8], [-1.15, 0.8]);
  else if (shape === 3) polygon([0, -1.35], [1.35, 0], [0, 1.35], [-1.35, 0]);
  else if (shape === 4) polygon([0, 1.3], [1.15, -0.8], [-1.15, -0.8]);
  else if (shape === 5) {
    const [a, b] = [0.45, 1.3];
    polygon(
      [-a, -b],
      [a, -b],
      [a, -a],
      [b, -a],
      [b, a],
      [a, a],
      [a, b],
      [-a, b],
      [-a, a],
      [-b, a],
      [-b, -a],
      [-a, -a],
    );
  } else {
    path.moveTo(x + r, y);
    path.arc(x, y, r, 0, 2 * Math.PI);
  }
}
