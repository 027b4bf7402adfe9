import { useEffect, useMemo, useState } from 'preact/hooks';
import type { MapAnswer, MapKind, MapNeighbours } from '../../src/serve/console/contract.ts';
import { useAnswer } from '../answers.ts';
import { Empty, Waiting } from '../parts.tsx';
import { type Route, stayAt } from '../route.ts';
import { counted, grouped } from '../text.tsx';
import { useTheme } from '../theme.ts';
import './map.css';
import { MapCanvas } from './map/canvas.tsx';
import { Facts } from './map/facts.tsx';
import { type ColourBy, coloursOf, groupingOf } from './map/groups.ts';
import { Legend } from './map/legend.tsx';
import { matchesOf, shortName } from './map/points.ts';
import { Explained, Side } from './map/side.tsx';
import { UMAP_LEAST, UMAP_POINTS, useUmap } from './map/umap.ts';

const LIMIT = 5000;
const NEIGHBOURS = 12;
const KINDS: [MapKind, string][] = [
  ['accounts', 'Accounts'],
  ['networks', 'Networks'],
];
const COLOURS: Record<ColourBy, string> = {
  provider: 'provider',
  country: 'country',
  family: 'IPv4 or IPv6',
  size: 'how much it is used',
};
const KEYS =
  '+ and − zoom, arrow keys move, 0 fits, Enter chooses the point nearest to the cross, Escape none.';

/** The vectors of accounts or networks as points: what is alike lies together. */
export function MapView({ route: { parameters } }: { route: Route }) {
  const kind: MapKind = parameters.get('kind') === 'networks' ? 'networks' : 'accounts';
  const [shown, setShown] = useState<MapKind>(kind);
  useEffect(() => setShown(kind), [kind]);
  return <OneMap key={shown} kind={shown} parameters={parameters} onKind={setShown} />;
}

interface Props {
  kind: MapKind;
  parameters: URLSearchParams;
  onKind: (kind: MapKind) => void;
}

function OneMap({ kind, parameters, onKind }: Props) {
  const given = parameters.get('find') ?? '';
  const [find, setFind] = useState(given);
  const [isUmap, setUmap] = useState(false);
  const [chosenColour, setColour] = useState<ColourBy>();
  const [chosen, setChosen] = useState<number>();
  const theme = useTheme();
  const asked = useAnswer<MapAnswer>('v1/map', { kind, limit: LIMIT });
  const map = asked.answer;
  useEffect(() => setFind(given), [given]);
  useEffect(() => stayAt('map', { kind, find }), [kind, find]);
  return (
    <>
      <h1>Map of {kind}</h1>
      <div class="map-bar">
        <Choice
          legend="Points"
          name="kind"
          options={KINDS}
          chosen={kind}
          onChoose={(next) => onKind(next as MapKind)}
        />
        <Choice
          legend="Layout"
          name="layout"
          options={[
            ['pca', 'PCA'],
            ['umap', 'UMAP'],
          ]}
          chosen={isUmap ? 'umap' : 'pca'}
          onChoose={(next) => setUmap(next === 'umap')}
        />
        {map && (
          <label>
            Colour by
            <select
              value={chosenColour ?? coloursOf(map)[0]}
              onChange={(event) => setColour(event.currentTarget.value as ColourBy)}
            >
              {coloursOf(map).map((by) => (
                <option key={by} value={by}>
                  {COLOURS[by]}
                </option>
              ))}
            </select>
          </label>
        )}
        <label class="map-find">
          Find
          <input
            type="search"
            value={find}
            placeholder={kind === 'accounts' ? 'name or provider' : 'network or provider'}
            spellcheck={false}
            onInput={(event) => setFind(event.currentTarget.value)}
          />
        </label>
      </div>
      <Waiting of={asked} what="the map" />
      {map?.ids.length === 0 && <NoPoints kind={kind} />}
      {map && map.ids.length > 0 && (
        <Picture
          map={map}
          isUmap={isUmap}
          by={chosenColour ?? coloursOf(map)[0]}
          find={find}
          theme={theme}
          chosen={chosen}
          onChoose={setChosen}
        />
      )}
    </>
  );
}

interface PictureProps {
  map: MapAnswer;
  isUmap: boolean;
  by: ColourBy;
  find: string;
  theme: string;
  chosen: number | undefined;
  onChoose: (point: number | undefined) => void;
}

function Picture({ map, isUmap, by, find, theme, chosen, onChoose }: PictureProps) {
  const umap = useUmap(isUmap ? map : undefined);
  const matches = useMemo(() => matchesOf(map, find), [map, find]);
  const matched = useMemo(() => (find.trim() === '' ? undefined : new Set(matches)), [find, matches]);
  const positions = useMemo(() => new Map(map.ids.map((id, at) => [id, at])), [map]);
  const { kind } = map;
  const alike = useAnswer<MapNeighbours>(
    chosen === undefined ? undefined : 'v1/map/neighbours',
    chosen === undefined ? undefined : { kind, id: map.ids[chosen], count: NEIGHBOURS, limit: LIMIT },
  );
  const xy = (isUmap && umap.xy) || map.xy;
  const drawnCount = xy.length / 2;
  const grouping = useMemo(() => groupingOf(map, by, drawnCount), [map, by, drawnCount]);
  const neighbours = useMemo(
    () =>
      (alike.isAsking ? [] : (alike.answer?.neighbours ?? [])).flatMap(({ id }) => {
        const at = positions.get(id);
        return at !== undefined && at < drawnCount ? [at] : [];
      }),
    [alike, positions, drawnCount],
  );
  const tooFew = isUmap && map.ids.length < UMAP_LEAST;
  return (
    <div class="map-main">
      <div>
        <MapCanvas
          label={`Map of ${counted(drawnCount, kind.slice(0, -1))}. The list beside it says the same.`}
          xy={xy}
          grouping={grouping}
          matches={matched}
          chosen={chosen !== undefined && chosen < drawnCount ? chosen : undefined}
          neighbours={neighbours}
          theme={theme}
          describe={(point) => ({ name: shortName(map, point), facts: <Facts map={map} point={point} /> })}
          onChoose={onChoose}
        />
        <p class="map-keys soft" id="map-keys">
          {KEYS}
        </p>
        <div class="map-said" role="status">
          {umap.progress !== undefined && (
            <label>
              UMAP is laying out {counted(Math.min(UMAP_POINTS, map.ids.length), 'point')} …
              <progress max={1} value={umap.progress} />
            </label>
          )}
          {umap.fault && <span class="fault">{umap.fault}</span>}
          {tooFew && 'UMAP needs at least 5 points: these are the principal components.'}
        </div>
        <Legend grouping={grouping} theme={theme} />
        <p class="soft">
          {map.all > map.ids.length
            ? `The ${grouped(map.ids.length)} most used of ${grouped(map.all)} ${kind} that the model has vectors of.`
            : `All ${counted(map.all, kind.slice(0, -1))} that the model has a vector of.`}{' '}
          {isUmap && map.ids.length > UMAP_POINTS && `UMAP shows the first ${grouped(UMAP_POINTS)}.`}{' '}
          Direction is what counts: how alike two of them are is the cosine of the angle between their
          vectors.{' '}
          {kind === 'accounts' && 'Accounts whose hashes share a row of the table lie on one point. '}
          <Explained map={map} isUmap={isUmap && umap.xy !== undefined} />
        </p>
        {map.tables.length === 0 && (
          <p class="soft">
            There is no table of providers to colour by: start the console with <code>--asn packaged</code>.
          </p>
        )}
      </div>
      <Side
        map={map}
        positions={positions}
        find={find}
        matches={matches}
        chosen={chosen}
        alike={alike}
        onChoose={onChoose}
      />
    </div>
  );
}

function NoPoints({ kind }: { kind: MapKind }) {
  return (
    <Empty>
      {kind === 'accounts'
        ? 'The model has a vector of no account.'
        : 'The model has a vector of no /24 and no IPv6 /48: training saw none of them twice.'}
    </Empty>
  );
}

interface ChoiceProps {
  legend: string;
  name: string;
  options: [value: string, title: string][];
  chosen: string;
  onChoose: (value: string) => void;
}

/** A few options side by side, one of them chosen. */
function Choice({ legend, name, options, chosen, onChoose }: ChoiceProps) {
  return (
    <fieldset class="map-choice">
      <legend>{legend}</legend>
      {options.map(([value, title]) => (
        <label key={value}>
          <input
            type="radio"
            name={name}
            value={value}
            checked={value === chosen}
            onChange={() => onChoose(value)}
          />
          <span>{title}</span>
        </label>
      ))}
    </fieldset>
  );
}
