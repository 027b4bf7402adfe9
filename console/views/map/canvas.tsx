import type { ComponentChildren } from 'preact';
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { useWidth } from '../../width.ts';
import { type Drawn, drawMap, fitted, type Place, pointAt, zoomed } from './picture.ts';

const HEIGHT = 560;
const STEP = 1.35;
const PAN = 60;
/** A pointer that has moved less was a click. */
const CLICK_PIXELS = 5;
/** Of a wheel's step, in pixels: a mouse gives 100, a touchpad few. */
const WHEEL = 0.0016;

interface Props extends Omit<Drawn, 'hovered' | 'hasCross'> {
  /** changes with the colours of the page */
  theme: string;
  /** what the map shows, in words */
  label: string;
  /** what is said of a point under the pointer */
  describe: (point: number) => { name: string; facts: ComponentChildren };
  onChoose: (point: number | undefined) => void;
}

/** The map: moved by dragging, by wheel, by two fingers, by keys and by buttons. */
export function MapCanvas({ label, theme, describe, onChoose, ...drawn }: Props) {
  const { ref: box, width } = useWidth<HTMLDivElement>();
  const canvas = useRef<HTMLCanvasElement>(null);
  const [place, setPlace] = useState<Place>();
  const [hovered, setHovered] = useState<number>();
  const [hasCross, setCross] = useState(false);
  const { xy, chosen } = drawn;
  const ratio = devicePixelRatio || 1;
  const height = width < 560 ? Math.max(320, Math.round(width * 0.9)) : HEIGHT;

  const fit = useCallback(() => {
    if (width > 0) setPlace(fitted(xy, width, height));
  }, [xy, width, height]);
  useEffect(fit, [fit]);

  // A point that was chosen elsewhere, in a list, comes into sight.
  useEffect(() => {
    if (chosen === undefined || !place) return;
    const [x, y] = [xy[chosen * 2] * place.scale + place.left, xy[chosen * 2 + 1] * place.scale + place.top];
    if (x > 0 && y > 0 && x < width && y < height) return;
    setPlace({ ...place, left: place.left + width / 2 - x, top: place.top + height / 2 - y });
  }, [chosen]);

  useEffect(() => {
    const element = canvas.current;
    if (!element || !place || width === 0) return;
    const frame = requestAnimationFrame(() => {
      // Setting the size, even to the same, clears and is slow.
      const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
      if (element.width !== w || element.height !== h) [element.width, element.height] = [w, h];
      drawMap(element, ratio, { ...drawn, hovered, hasCross }, place);
    });
    return () => cancelAnimationFrame(frame);
  }, [place, width, height, ratio, hovered, hasCross, theme, ...Object.values(drawn)]);

  const zoom = useCallback(
    (factor: number, x = width / 2, y = height / 2) =>
      setPlace((before) => before && zoomed(before, factor, x, y)),
    [width, height],
  );
  const pan = (dx: number, dy: number) =>
    setPlace((before) => before && { ...before, left: before.left + dx, top: before.top + dy });

  useEffect(() => {
    const element = canvas.current;
    // Listeners that frameworks add may not stop the page from being scrolled.
    const onWheel = (event: WheelEvent) => {
      event.preventDefault();
      const pixels = event.deltaY * (event.deltaMode === 1 ? 30 : 1);
      zoom(Math.exp(-pixels * WHEEL * (event.ctrlKey ? 5 : 1)), event.offsetX, event.offsetY);
    };
    element?.addEventListener('wheel', onWheel, { passive: false });
    return () => element?.removeEventListener('wheel', onWheel);
  }, [zoom]);

  const pointers = useRef(new Map<number, { x: number; y: number }>());
  const moved = useRef(0);
  const onPointerDown = (event: PointerEvent) => {
    canvas.current?.setPointerCapture(event.pointerId);
    if (pointers.current.size === 0) moved.current = 0;
    pointers.current.set(event.pointerId, { x: event.offsetX, y: event.offsetY });
  };
  const onPointerMove = (event: PointerEvent) => {
    const [x, y] = [event.offsetX, event.offsetY];
    const before = pointers.current.get(event.pointerId);
    if (!before) {
      if (place) setHovered(pointAt(xy, place, x, y));
      return;
    }
    const other = [...pointers.current].find(([id]) => id !== event.pointerId)?.[1];
    pointers.current.set(event.pointerId, { x, y });
    moved.current += Math.hypot(x - before.x, y - before.y);
    // Two fingers move it half each.
    const share = other ? 0.5 : 1;
    pan((x - before.x) * share, (y - before.y) * share);
    if (!other) return;
    const [now, then] = [
      Math.hypot(x - other.x, y - other.y),
      Math.hypot(before.x - other.x, before.y - other.y),
    ];
    if (then > 0) zoom(now / then, (x + other.x) / 2, (y + other.y) / 2);
  };
  const onPointerUp = (event: PointerEvent) => {
    const wasDown = pointers.current.delete(event.pointerId);
    if (!wasDown || pointers.current.size > 0 || moved.current > CLICK_PIXELS || !place) return;
    if (event.type === 'pointerup') onChoose(pointAt(xy, place, event.offsetX, event.offsetY));
  };

  const onKeyDown = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const acts: Record<string, () => void> = {
      '+': () => zoom(STEP),
      '=': () => zoom(STEP),
      '-': () => zoom(1 / STEP),
      '0': fit,
      ArrowLeft: () => pan(PAN, 0),
      ArrowRight: () => pan(-PAN, 0),
      ArrowUp: () => pan(0, PAN),
      ArrowDown: () => pan(0, -PAN),
      Enter: () => place && onChoose(pointAt(xy, place, width / 2, height / 2, Number.POSITIVE_INFINITY)),
      Escape: () => onChoose(undefined),
    };
    const act = acts[event.key];
    if (!act) return;
    event.preventDefault();
    setCross(event.key !== 'Escape');
    act();
  };
  const tip = hovered !== undefined && place && hovered * 2 < xy.length ? describe(hovered) : undefined;
  return (
    <div ref={box} class="map-box" style={{ height: `${height}px` }}>
      {/* biome-ignore lint/a11y/noInteractiveElementToNoninteractiveRole: screen readers pass its keys on only so */}
      <canvas
        ref={canvas}
        role="application"
        aria-label={label}
        aria-describedby="map-keys"
        tabIndex={0}
        style={{ width: `${width}px`, height: `${height}px` }}
        class={hovered === undefined ? '' : 'map-over'}
        onPointerDown={onPointerDown}
        onPointerMove={onPointerMove}
        onPointerUp={onPointerUp}
        onPointerCancel={onPointerUp}
        onPointerLeave={() => setHovered(undefined)}
        onBlur={() => setCross(false)}
        onKeyDown={onKeyDown}
      />
      <div class="map-buttons">
        <button type="button" aria-label="Zoom in" onClick={() => zoom(STEP)}>
          +
        </button>
        <button type="button" aria-label="Zoom out" onClick={() => zoom(1 / STEP)}>
          −
        </button>
        <button type="button" onClick={fit}>
          Fit
        </button>
      </div>
      {tip && place && hovered !== undefined && (
        <div
          class="map-tip"
          style={tipPlace(
            xy[hovered * 2] * place.scale + place.left,
            xy[hovered * 2 + 1] * place.scale + place.top,
            width,
          )}
        >
          <b>
            <bdi>{tip.name}</bdi>
          </b>
          {tip.facts}
        </div>
      )}
    </div>
  );
}

/** Beside the point, where there is room. */
const tipPlace = (x: number, y: number, width: number) =>
  x < width / 2
    ? { left: `${x + 14}px`, top: `${Math.max(4, y - 12)}px` }
    : { right: `${width - x + 14}px`, top: `${Math.max(4, y - 12)}px` };
