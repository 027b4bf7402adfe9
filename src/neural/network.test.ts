import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseAddress } from '../addresses/address.ts';
import { NO_ROW } from '../kernels/kernels.ts';
import { SCORING_BLOCK } from '../kernels/webAssembly.ts';
import { RandomStream } from '../random/philox.ts';
import { addUpChains, Network } from './network.ts';
import { dotByDefinition } from './trainingReference.ts';
import { complete, KERNELS, someEvents, trained } from './trainingSamples.ts';

/** Of both families, some of networks that training never saw. */
function someAddresses(count: number): Uint32Array {
  const random = new RandomStream(4, 1);
  return Uint32Array.from(
    Array.from({ length: count }, (_, i) => {
      const place = random.below(20);
      if (i % 4 === 0) return parseAddress(`203.0.113.${place}`)!;
      if (i % 4 === 1) return parseAddress(`2001:db8:${place}::1`)!;
      return parseAddress(`10.${place}.0.1`)!;
    }).flatMap((words) => [...words]),
  );
}

for (const { name, kernels } of KERNELS) {
  for (const numIpEncoderLayers of [0, 2]) {
    test(`${name}, ${numIpEncoderLayers} layers: a dot product is that of the vectors, one by one and in blocks, bit for bit`, () => {
      const h = complete({ numIpEncoderLayers, vectorDim: 12, numEntityVectors: 20 });
      // After a single event no address has a row.
      for (const events of [300, 1]) {
        const training = trained(someEvents(events), h, 1, kernels);
        const weights = training.finish();
        const network = new Network(weights, training.kernelMemory);
        const count = SCORING_BLOCK;
        const addresses = someAddresses(count);
        // From the last to the first.
        const positions = Uint32Array.from({ length: count }, (_, j) => count - 1 - j);
        const out = network
          .dotProductsAt(positions, (i) => i % 20, addresses)
          .slice()
          .reverse();
        for (let i = 0; i < count; i++) {
          const { value, error } = dotByDefinition(weights, i % 20, weights.prefixes.find(addresses, i));
          assert.ok(Math.abs(out[i] - value) <= error, `${i}: expected ${value} ± ${error}, got ${out[i]}`);
          if (i % 50 === 0) assert.equal(network.dotProduct(i % 20, addresses, i), out[i]);
        }
        assert.equal(
          out.some((x) => x !== 0),
          events > 1,
        );
      }
    });
  }
}

test('a network tells the families that training saw', () => {
  const h = complete({});
  // The first event is IPv6, the second IPv4: one of each is not enough for a row.
  const cases = [
    { events: 30, unknown: [false, false] },
    { events: 2, unknown: [true, true] },
    { events: 3, unknown: [false, true] },
  ];
  for (const { events, unknown } of cases) {
    const network = new Network(trained(someEvents(events), h, 1, KERNELS[0].kernels).finish());
    const [ipv4, ipv6] = ['10.0.0.1', '2001:db8::1'].map((text) => parseAddress(text)!);
    assert.deepEqual([network.isUnknownFamily(ipv4), network.isUnknownFamily(ipv6)], unknown);
  }
});

test('adding up chains gives each row the sum of its own vector and of all above it', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.integer({ min: -50, max: 50 }), fc.nat()), { minLength: 1 }), (list) => {
      // Whole numbers, so that every order of adding gives the same. A row without one above it is a root.
      const parents = Uint32Array.from(list, ([, k], row) =>
        k % (row + 1) === row ? NO_ROW : k % (row + 1),
      );
      const vectors = Float32Array.from(list.flatMap(([x]) => [x, 2 * x]));
      addUpChains(vectors, 2, parents);
      for (const row of list.keys()) {
        let sum = 0;
        for (let above = row; above !== NO_ROW; above = parents[above]) sum += list[above][0];
        assert.deepEqual([...vectors.subarray(row * 2, row * 2 + 2)], [sum, 2 * sum]);
      }
    }),
  );
});
