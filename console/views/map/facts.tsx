import type { MapAnswer } from '../../../src/serve/console/contract.ts';
import { counted, Name } from '../../text.tsx';

/** `1,204 events · AS64500 Example · DE` */
export function Facts({ map, point }: { map: MapAnswer; point: number }) {
  const { kind, sizes, providers, countries, provider_names, country_names } = map;
  const size = sizes[point];
  return (
    <>
      {kind === 'accounts' ? counted(size, 'event') : counted(size, 'account')}
      {providers[point] >= 0 && (
        <>
          {' · '}
          <Name text={provider_names[providers[point]]} />
        </>
      )}
      {countries[point] >= 0 && (
        <>
          {' · '}
          <Name text={country_names[countries[point]]} />
        </>
      )}
    </>
  );
}
