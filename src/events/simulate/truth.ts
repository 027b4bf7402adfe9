/** Which list of ranges a world was built on; places in the truth mean nothing with another one. */
export interface RangesIdentity {
  name: string;
  /** hex SHA-256 of the list as it was read */
  sha256: string;
  /** number of ranges */
  count: number;
}

interface TruthHeader {
  seed: number;
  /** seconds since 1970-01-01 UTC */
  startSeconds: number;
  /** seconds since 1970-01-01 UTC */
  endSeconds: number;
  /** the IPv4 list */
  ranges: RangesIdentity;
}

/** What the tutorial's world knows about one account; docs/worlds.md says how it is used. */
export interface TutorialAccount {
  entity: string;
  /** place of the home range in the list, from 0 */
  home: number;
  /** place of the work range in the list, from 0 */
  work: number;
  /** probability that a login comes from a range drawn from the whole list */
  travel: number;
  /** probability of home rather than work where it does not */
  homeShare: number;
  /** number of logins in the log */
  events: number;
}

export interface TutorialTruth extends TruthHeader {
  world: 'tutorial';
  accounts: TutorialAccount[];
}

/** Addresses that a group of accounts of the providers' world shares. */
export interface PlaceTruth {
  kind: 'pool' | 'office' | 'gateway' | 'vpn';
  /** the provider that owns the addresses */
  asn: number;
  /** mean time for which an account keeps an address of this place */
  leaseSeconds: number;
  /** `first-last` of each block of addresses */
  ipv4: string[];
  /** of pools: `first-last` of where the customers' prefixes lie */
  ipv6?: string | undefined;
  /** of pools: length of the prefix that a customer is given */
  delegatedBits?: number | undefined;
}

/** What the providers' world knows about one account. */
export interface ProvidersAccount {
  entity: string;
  /** which place, from 0; a pool */
  home: number;
  /** which place, null where the account has none */
  office: number | null;
  carrier: number | null;
  vpn: number | null;
  /** whether its home has IPv6 */
  ipv6: boolean;
  /** how probable a login from home, office, carrier, VPN and travel is */
  shares: number[]; // (5)
  /** number of logins in the log */
  events: number;
}

export interface ProvidersTruth extends TruthHeader {
  world: 'providers';
  /** the IPv6 list */
  ranges6: RangesIdentity;
  places: PlaceTruth[];
  accounts: ProvidersAccount[];
}

/** What a simulated world knows; of the tutorial's it makes the best possible detector (src/evaluate/oracle.ts). */
export type Truth = TutorialTruth | ProvidersTruth;

export const TRUTH_KIND = 'ip-insights-truth';
export const TRUTH_VERSION = 1;

/**
 * The lines of a truth file, each a JSON object with its line end: a header, the places of the providers' world, the
 * accounts. `readTruth.ts` reads them.
 */
export function* truthLines(truth: Truth): Generator<string> {
  const { world, seed, startSeconds, endSeconds, ranges, accounts } = truth;
  const start = new Date(startSeconds * 1000).toISOString();
  const end = new Date(endSeconds * 1000).toISOString();
  const header = {
    kind: TRUTH_KIND,
    version: TRUTH_VERSION,
    world,
    seed,
    users: accounts.length,
    start,
    end,
  };
  if (truth.world === 'tutorial') {
    yield jsonLine({ ...header, ranges });
  } else {
    yield jsonLine({ ...header, ranges, ranges6: truth.ranges6, places: truth.places.length });
    for (const place of truth.places) yield jsonLine(place);
  }
  for (const account of accounts) yield jsonLine(account);
}

function jsonLine(value: object): string {
  return `${JSON.stringify(value)}\n`;
}
