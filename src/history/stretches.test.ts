import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { IPV4_RUNGS, IPV6_RUNGS, RUNGS } from './rungs.ts';
import {
  findIpv4Stretches,
  findIpv6Stretches,
  lowerBound,
  newStretches,
  type Stretches,
} from './stretches.ts';

/** What an entry holds that was never written. */
const UNTOUCHED = 0xdeadbeef;

/** A place as one number of 32 or 64 bits. */
type Place = bigint;

/** Whether two places share a network: their first bits are equal. */
const sharesNetwork = (a: Place, b: Place, width: number, bits: number) =>
  a >> BigInt(width - bits) === b >> BigInt(width - bits);

/** Compares with a linear scan over places[start, end), from rung `widest` on. */
function check(
  { from, to }: Stretches,
  places: Place[],
  start: number,
  end: number,
  address: Place,
  rungs: readonly number[],
  widest: number,
): void {
  const width = rungs[RUNGS - 1];
  for (let k = 0; k < RUNGS; k++) {
    if (k < widest) {
      assert.deepEqual([from[k], to[k]], [UNTOUCHED, UNTOUCHED], `rung ${k} is none of its business`);
      continue;
    }
    const inside: number[] = [];
    for (let at = start; at < end; at++) {
      if (sharesNetwork(places[at], address, width, rungs[k])) inside.push(at);
    }
    assert.equal(to[k] - from[k], inside.length, `/${rungs[k]}`);
    if (inside.length > 0) assert.equal(from[k], inside[0], `/${rungs[k]}`);
    assert.ok(from[k] >= start && to[k] <= end, `/${rungs[k]} stays within its stretch`);
  }
}

const ascending = (places: Place[]) => [...new Set(places)].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));

function stretchesOfIpv4(places: Place[], start: number, end: number, address: Place, widest: number): void {
  const found = newStretches();
  found.from.fill(UNTOUCHED);
  found.to.fill(UNTOUCHED);
  findIpv4Stretches(Uint32Array.from(places, Number), start, end, Number(address), widest, found);
  check(found, places, start, end, address, IPV4_RUNGS, widest);
}

function stretchesOfIpv6(places: Place[], start: number, end: number, address: Place): void {
  const found = newStretches();
  const highs = Uint32Array.from(places, (place) => Number(place >> 32n));
  const lows = Uint32Array.from(places, (place) => Number(place & 0xffffffffn));
  findIpv6Stretches(highs, lows, start, end, Number(address >> 32n), Number(address & 0xffffffffn), found);
  check(found, places, start, end, address, IPV6_RUNGS, 0);
}

/** Places that share beginnings of every length: some other place with the bits from some position on drawn anew. */
const clustered = (width: bigint) => {
  const last = (1n << width) - 1n;
  const anchor = fc.oneof(
    fc.constantFrom(0n, last, 1n << (width - 1n), (1n << (width - 1n)) - 1n),
    fc.bigInt(0n, last),
  );
  return fc
    .tuple(
      fc.array(anchor, { minLength: 1, maxLength: 4 }),
      fc.array(fc.tuple(fc.nat(3), fc.nat(Number(width)), fc.bigInt(0n, last)), { maxLength: 80 }),
      fc.tuple(fc.nat(3), fc.nat(Number(width)), fc.bigInt(0n, last)),
    )
    .map(([anchors, drawn, asked]) => {
      const near = ([which, free, noise]: [number, number, bigint]) => {
        const mask = (1n << BigInt(free)) - 1n;
        return (anchors[which % anchors.length] & ~mask) | (noise & mask);
      };
      return { places: ascending(drawn.map(near)), address: near(asked) };
    });
};

test('each stretch holds what a linear scan counts: IPv4, from the whole family on', () => {
  fc.assert(
    fc.property(clustered(32n), ({ places, address }) => {
      stretchesOfIpv4(places, 0, places.length, address, 0);
    }),
    { numRuns: 500 },
  );
});

test('each stretch holds what a linear scan counts: IPv4, from every rung on, amid places of others', () => {
  fc.assert(
    fc.property(clustered(32n), fc.nat(RUNGS - 1), ({ places, address }, widest) => {
      // The stretch to search is all of one network, as it must be.
      const inside = places.filter((place) => sharesNetwork(place, address, 32, IPV4_RUNGS[widest]));
      const start = inside.length === 0 ? 0 : places.indexOf(inside[0]);
      stretchesOfIpv4(places, start, start + inside.length, address, widest);
    }),
    { numRuns: 500 },
  );
});

test('each stretch holds what a linear scan counts: IPv4, where other accounts stand before and behind', () => {
  fc.assert(
    fc.property(clustered(32n), clustered(32n), ({ places, address }, other) => {
      // As in columns of several accounts: each ascending, not all of them together.
      const all = [...other.places, ...places, ...other.places];
      stretchesOfIpv4(all, other.places.length, other.places.length + places.length, address, 0);
    }),
  );
});

test('each stretch holds what a linear scan counts: IPv6', () => {
  fc.assert(
    fc.property(clustered(64n), clustered(64n), ({ places, address }, other) => {
      const all = [...other.places, ...places, ...other.places];
      stretchesOfIpv6(all, other.places.length, other.places.length + places.length, address);
    }),
    { numRuns: 500 },
  );
});

test('one address after another in the same places finds what a search of its own finds', () => {
  fc.assert(
    fc.property(fc.array(clustered(32n), { minLength: 2, maxLength: 6 }), (asked) => {
      const places = ascending(asked.flatMap((one) => one.places));
      const keys = Uint32Array.from(places, Number);
      const found = newStretches();
      // An account's own places and everybody's in turns, as when the same stretches serve two columns.
      for (const { address } of asked) {
        const kept = findIpv4Stretches(keys, 0, places.length, Number(address), 0, found);
        check(found, places, 0, places.length, address, IPV4_RUNGS, 0);
        assert.ok(kept >= 0 && kept < RUNGS);
        const half = places.length >> 1;
        findIpv4Stretches(keys, 0, half, Number(address), 0, found);
        check(found, places, 0, half, address, IPV4_RUNGS, 0);
        findIpv4Stretches(keys, 0, half, Number(address ^ 1n), 0, found);
        check(found, places, 0, half, address ^ 1n, IPV4_RUNGS, 0);
      }
    }),
  );
  fc.assert(
    fc.property(fc.array(clustered(64n), { minLength: 2, maxLength: 6 }), (asked) => {
      const places = ascending(asked.flatMap((one) => one.places));
      const highs = Uint32Array.from(places, (place) => Number(place >> 32n));
      const lows = Uint32Array.from(places, (place) => Number(place & 0xffffffffn));
      const found = newStretches();
      for (const { address } of asked) {
        for (const one of [address, address ^ 1n]) {
          const words = [Number(one >> 32n), Number(one & 0xffffffffn)] as const;
          findIpv6Stretches(highs, lows, 0, places.length, ...words, found);
          check(found, places, 0, places.length, one, IPV6_RUNGS, 0);
        }
      }
    }),
  );
});

test('the first and the last addresses of both families, no place and a single one', () => {
  const IPV4_LAST = 0xffffffffn;
  for (const address of [0n, 1n, 0x7fffffffn, 0x80000000n, IPV4_LAST - 1n, IPV4_LAST]) {
    for (let widest = 0; widest < RUNGS; widest++) {
      stretchesOfIpv4([], 0, 0, address, widest);
      stretchesOfIpv4([address], 0, 1, address, widest);
    }
    stretchesOfIpv4([0n], 0, 1, address, 0);
    stretchesOfIpv4([IPV4_LAST], 0, 1, address, 0);
    stretchesOfIpv4([0n, 1n, 0x7fffffffn, 0x80000000n, IPV4_LAST - 1n, IPV4_LAST], 0, 6, address, 0);
  }
  const IPV6_LAST = 0xffffffffffffffffn;
  for (const address of [0n, 1n, 0xffffffffn, 0x100000000n, IPV6_LAST - 1n, IPV6_LAST]) {
    stretchesOfIpv6([], 0, 0, address);
    stretchesOfIpv6([address], 0, 1, address);
    stretchesOfIpv6([0n], 0, 1, address);
    stretchesOfIpv6([IPV6_LAST], 0, 1, address);
    stretchesOfIpv6([0n, 0xffffffffn, 0x100000000n, IPV6_LAST - 1n, IPV6_LAST], 0, 5, address);
  }
});

test('an empty stretch in the midst of others stays empty at every rung', () => {
  const places = [1n, 2n, 3n, 4n];
  for (let at = 0; at <= places.length; at++) {
    stretchesOfIpv4(places, at, at, 3n, 0);
    stretchesOfIpv6(places, at, at, 3n);
  }
});

test('lowerBound is the first place that is not below', () => {
  fc.assert(
    fc.property(clustered(64n), ({ places, address }) => {
      const highs = Uint32Array.from(places, (place) => Number(place >> 32n));
      const lows = Uint32Array.from(places, (place) => Number(place & 0xffffffffn));
      const found = lowerBound(
        highs,
        lows,
        0,
        places.length,
        Number(address >> 32n),
        Number(address & 0xffffffffn),
      );
      assert.equal(found, places.filter((place) => place < address).length);
    }),
  );
});
