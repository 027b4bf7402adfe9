import { RandomStream } from '../random/philox.ts';

/** CSV of accounts with networks of their own, every sixth address IPv6. Tests only; not part of the package. */
export function sampleLogins(events: number, seed: number): string {
  const random = new RandomStream(seed, 0);
  const lines = Array.from({ length: events }, (_, i) => {
    const user = random.below(150);
    const [network, host] = [(user * 7 + random.below(3)) % 200, random.below(250)];
    const address =
      i % 6 === 0 ? `2001:db8:${network.toString(16)}::${host}` : `10.${network}.${user}.${host}`;
    return `user_${user},${address},${1541289600 + i}\n`;
  });
  return lines.join('');
}
