import { useEffect, useRef } from 'preact/hooks';
import { grouped, Name } from '../../text.tsx';
import type { Grouping, MapGroup } from './groups.ts';
import { addShape } from './picture.ts';

/** What colours and shapes mean. */
export function Legend({ grouping, theme }: { grouping: Grouping; theme: string }) {
  return (
    <ul class="map-legend" aria-label="Legend">
      {grouping.groups
        .filter(({ count }) => count > 0)
        .map((group) => (
          <li key={group.name}>
            <Sample group={group} theme={theme} /> <Name text={group.name} />{' '}
            <span class="soft">({grouped(group.count)})</span>
          </li>
        ))}
    </ul>
  );
}

/** A point of the group, as the map has it. */
function Sample({ group: { colour, shape }, theme }: { group: MapGroup; theme: string }) {
  const ref = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const canvas = ref.current;
    const context = canvas?.getContext('2d');
    if (!canvas || !context) return;
    context.clearRect(0, 0, 28, 28);
    const path = new Path2D();
    addShape(path, shape, 14, 14, 9);
    context.fillStyle = getComputedStyle(canvas).getPropertyValue(
      colour < 0 ? '--group-none' : `--group-${colour}`,
    );
    context.fill(path);
  }, [colour, shape, theme]);
  return <canvas ref={ref} width={28} height={28} class="map-sample" />;
}
