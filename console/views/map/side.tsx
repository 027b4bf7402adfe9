import type { MapAnswer, MapNeighbours } from '../../../src/serve/console/contract.ts';
import type { Answered } from '../../answers.ts';
import { Empty, Waiting } from '../../parts.tsx';
import { linkTo } from '../../route.ts';
import { counted, grouped, Name, visible } from '../../text.tsx';
import { Facts } from './facts.tsx';
import { nameOf } from './points.ts';

const LISTED_MATCHES = 12;

interface Props {
  map: MapAnswer;
  /** with the map where points are chosen by id */
  positions: ReadonlyMap<number, number>;
  find: string;
  matches: number[];
  chosen: number | undefined;
  /** those most like the chosen one */
  alike: Answered<MapNeighbours>;
  onChoose: (point: number) => void;
}

/** Beside the map: what was searched for, and the chosen point with those most like it. For who sees no map it is the map. */
export function Side(props: Props) {
  const { map, find, matches, chosen, onChoose } = props;
  return (
    <aside class="map-side" aria-label="Points">
      {find.trim() !== '' && (
        <section>
          <div role="status">
            <h2>
              {counted(matches.length, 'match', 'matches')}
              {matches.length > LISTED_MATCHES && `, the first ${LISTED_MATCHES}`}
            </h2>
          </div>
          <Points map={map} points={matches.slice(0, LISTED_MATCHES)} chosen={chosen} onChoose={onChoose} />
        </section>
      )}
      {chosen === undefined ? (
        find.trim() === '' && (
          <>
            <Empty>
              Choose a point to see what is most like it, or search. Those with the most{' '}
              {map.kind === 'accounts' ? 'events' : 'accounts'}:
            </Empty>
            <Points
              map={map}
              points={Array.from(map.ids.slice(0, LISTED_MATCHES).keys())}
              chosen={chosen}
              onChoose={onChoose}
            />
          </>
        )
      ) : (
        <Chosen {...props} chosen={chosen} />
      )}
    </aside>
  );
}

function Points({
  map,
  points,
  chosen,
  onChoose,
}: Pick<Props, 'map' | 'chosen' | 'onChoose'> & { points: number[] }) {
  return (
    <ul class="map-points">
      {points.map((point) => (
        <li key={point}>
          <button type="button" aria-pressed={point === chosen} onClick={() => onChoose(point)}>
            <Name text={nameOf(map, point)} />
            <span class="soft">
              <Facts map={map} point={point} />
            </span>
          </button>
        </li>
      ))}
    </ul>
  );
}

/** What a point leads to: its account, or the events of its network. */
const hrefOf = (map: MapAnswer, name: string) =>
  map.kind === 'accounts' ? linkTo('account', { entity: name }) : linkTo('events', { network: name });

function Chosen({ map, positions, chosen, alike: asked, onChoose }: Props & { chosen: number }) {
  const { kind } = map;
  // While others are asked for, the last ones stay.
  const found = asked.isAsking ? undefined : asked.answer;
  const name = map.names[chosen] === null ? null : (found?.name ?? nameOf(map, chosen));
  return (
    <section class="map-chosen">
      <h2>{name === null ? nameOf(map, chosen) : <Name text={name} />}</h2>
      <p class="soft">
        <Facts map={map} point={chosen} />
      </p>
      {name !== null && (
        <p>
          <a href={hrefOf(map, name)}>
            {kind === 'accounts' ? 'Show the account' : 'Events of this network'}
          </a>
        </p>
      )}
      <h3>Most alike, by cosine</h3>
      <Waiting of={{ ...asked, answer: found }} what="neighbours" />
      {found?.neighbours.length === 0 && <Empty>There is no other point.</Empty>}
      <ol class="map-points">
        {found?.neighbours.map(({ id, name, cosine }) => {
          const point = positions.get(id);
          return (
            <li key={id}>
              <button type="button" onClick={() => point !== undefined && onChoose(point)}>
                <Name text={name ?? (point === undefined ? String(id) : nameOf(map, point))} />
                <b class="map-cosine">{cosineText(cosine)}</b>
                {point !== undefined && (
                  <span class="soft">
                    <Facts map={map} point={point} />
                  </span>
                )}
              </button>
              {name !== null && (
                <a
                  href={hrefOf(map, name)}
                  aria-label={`${kind === 'accounts' ? 'account' : 'events of'} ${visible(name.slice(0, 100))}`}
                >
                  {kind === 'accounts' ? 'account' : 'events'}
                </a>
              )}
            </li>
          );
        })}
      </ol>
    </section>
  );
}

/** 1 stands for the same direction alone. */
const cosineText = (cosine: number) =>
  cosine < 1 && cosine >= 0.9995 ? '> 0.999' : cosine.toFixed(3).replace('-', '−');

/** How much of what tells points apart the picture shows. */
export function Explained({ map, isUmap }: { map: MapAnswer; isUmap: boolean }) {
  const share = (count: number) =>
    `${Number((100 * map.explained.slice(0, count).reduce((sum, one) => sum + one, 0)).toPrecision(3))} %`;
  if (map.components === 0) return <>All points have the same vector.</>;
  if (isUmap)
    return (
      <>
        UMAP puts points side by side that are neighbours in the first {map.components} principal components,
        which explain {share(map.components)} of the variance. Distances between clusters mean nothing.
      </>
    );
  return (
    <>
      The first two principal components explain {share(2)} of the variance
      {map.components > 2 && `, the first ${grouped(map.components)} of them ${share(map.components)}`}:
      points that lie apart differ, points that lie together may still differ in what is not shown.
    </>
  );
}
