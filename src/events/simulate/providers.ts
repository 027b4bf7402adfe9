import { IPV4_WORD_2 } from '../../addresses/address.ts';
import { type RangeTable, requireFamily } from '../../addresses/ranges.ts';
import { PURPOSE, RandomStream } from '../../random/philox.ts';
import { describePlace, drawIpv4, drawPlaces, type Place, type Places, pick, rankAt } from './places.ts';
import type { ProvidersTruth, RangesIdentity } from './truth.ts';
import { AGENT_COUNT } from './userAgents.ts';
import { entityName, type SliceColumns, TimeSlices, type World, type WorldOptions } from './world.ts';

/** The constants of the world's accounts, with their reasons; docs/worlds.md describes the model. */
export const ACCOUNTS = {
  /**
   * Logins: fewestEvents · Pareto(1), at most mostEvents. The median of 10, of which 7 fall into the first 7 of 10 days,
   * is the sparse history that most services have; the tail is that of AWS's tutorial.
   */
  fewestEvents: 5,
  mostEvents: 5000,
  officeShare: 0.5,
  carrierShare: 0.8,
  /** Surveys put personal VPN users at 5 to 30 % of internet users; logins through one are fewer. */
  vpnShare: 0.1,
  /** As measured by APNIC and Google, about a third to two fifths of users have IPv6 (2018 to 2023). */
  ipv6Share: 1 / 3,
  /** An IPv6 customer's home login uses IPv6 where device and browser prefer it: mostly, not always. */
  ipv6Preference: 0.75,
  /**
   * Shapes of the gamma draws that, normalised, are an account's shares of home, office, carrier and VPN: home leads,
   * accounts differ widely.
   */
  homeShape: 3,
  officeShape: 2,
  carrierShape: 1.5,
  vpnShape: 1,
  /** As in the tutorial: 3 % of the logins on average. */
  travelBeta: [1, 30],
  /** A hotel's address is kept for a day or two. */
  travelLeaseSeconds: 1.5 * 86400,
  /** Devices of a home spread over few of its /64 networks (own, guest). */
  homeNetworks: 2,
  /** A temporary address is preferred for a day (RFC 8981, TEMP_PREFERRED_LIFETIME). */
  temporaryAddressSeconds: 86400,
} as const;

/** The kinds of places of an account; the number is the column of its share and its lease. */
const HOME = 0;
const OFFICE = 1;
const CARRIER = 2;
const VPN = 3;
const TRAVEL = 4;
const KINDS = 5; // K

/** The first index of the streams that draw the world itself, above those of accounts and slices. */
const PLACES_STREAM = 2 ** 41;

/** Shares are rounded to this, so that the truth file gives them exactly and stays small. */
const SHARE_STEP = 1e-4;

/** The two lists of ranges that the world is built on. */
export interface ProviderRanges {
  ipv4: RangeTable;
  ipv6: RangeTable;
}

/**
 * The harder world: providers own scattered ranges, their customers share pools of addresses and keep one for the
 * time of a lease; offices, mobile carriers and VPN services put many accounts behind few addresses; a third of the
 * customers has IPv6 with temporary addresses; most accounts have few logins.
 */
export class ProvidersWorld implements World {
  readonly users: number;
  readonly eventCount: number;
  readonly slices: TimeSlices;
  readonly #options: WorldOptions;
  readonly #identities: [RangesIdentity, RangesIdentity];
  readonly #places: Places;
  readonly #pools: number[]; // all access providers' pools, where travellers stay
  readonly #placeOf: Int32Array; // (U, K) position in #places.all, −1 where the account has none; unused for TRAVEL
  readonly #shares: Float64Array; // (U, K) of the account's logins
  readonly #events: Uint32Array; // (U)
  readonly #remaining: Uint32Array; // (U) logins not drawn yet
  readonly #hasIpv6: Uint8Array; // (U)
  readonly #agents: Uint8Array; // (U, 2) the account's two browsers
  readonly #leaseEnd: Float64Array; // (U, K) seconds since 1970
  readonly #leased: Uint32Array; // (U, K) the IPv4 address held
  readonly #prefix: Uint32Array; // (U, 2) bits 0 to 63 of the delegated IPv6 prefix
  readonly #interfaceEnd: Float64Array; // (U) seconds since 1970
  readonly #interface: Uint32Array; // (U, 2) bits 64 to 127 of the temporary address

  /**
   * @param identities which lists `ranges` are, for the truth file: IPv4, IPv6
   * @throws InputError where a list holds ranges of the other family, or too few large autonomous systems
   */
  constructor(options: WorldOptions, ranges: ProviderRanges, identities: [RangesIdentity, RangesIdentity]) {
    requireFamily(ranges.ipv4, 'IPv4', identities[0].name);
    requireFamily(ranges.ipv6, 'IPv6', identities[1].name);
    const { users, seed } = options;
    this.users = users;
    this.#options = options;
    this.#identities = identities;
    const random = new RandomStream(seed, PURPOSE.simulation, PLACES_STREAM);
    const name = `${identities[0].name} and ${identities[1].name}`;
    this.#places = drawPlaces(users, ranges.ipv4, ranges.ipv6, random, name);
    this.#pools = this.#places.pools.flat();
    this.#placeOf = new Int32Array(users * KINDS).fill(-1);
    this.#shares = new Float64Array(users * KINDS);
    this.#events = new Uint32Array(users);
    this.#hasIpv6 = new Uint8Array(users);
    this.#agents = new Uint8Array(users * 2);
    this.#leaseEnd = new Float64Array(users * KINDS);
    this.#leased = new Uint32Array(users * KINDS);
    this.#prefix = new Uint32Array(users * 2);
    this.#interfaceEnd = new Float64Array(users);
    this.#interface = new Uint32Array(users * 2);
    let eventCount = 0;
    for (let user = 0; user < users; user++) {
      this.#drawAccount(user, new RandomStream(seed, PURPOSE.simulation, user));
      eventCount += this.#events[user];
    }
    this.eventCount = eventCount;
    this.#remaining = new Uint32Array(users);
    this.slices = new TimeSlices(options, eventCount);
  }

  #drawAccount(user: number, random: RandomStream): void {
    const places = this.#places;
    const row = user * KINDS;
    this.#placeOf[row + HOME] = pick(places.pools[rankAt(random.uniform())], random);
    if (random.uniform() < ACCOUNTS.officeShare) this.#placeOf[row + OFFICE] = pick(places.offices, random);
    if (random.uniform() < ACCOUNTS.carrierShare) {
      this.#placeOf[row + CARRIER] = pick(pick(places.gateways, random), random);
    }
    if (random.uniform() < ACCOUNTS.vpnShare) this.#placeOf[row + VPN] = pick(places.vpns, random);
    this.#hasIpv6[user] = random.uniform() < ACCOUNTS.ipv6Share ? 1 : 0;
    const shapes = [ACCOUNTS.homeShape, ACCOUNTS.officeShape, ACCOUNTS.carrierShape, ACCOUNTS.vpnShape];
    const weights = shapes.map((shape, kind) => (this.#placeOf[row + kind] < 0 ? 0 : random.gamma(shape)));
    const total = weights.reduce((sum, weight) => sum + weight);
    const travel = toShareStep(random.beta(ACCOUNTS.travelBeta[0], ACCOUNTS.travelBeta[1]));
    this.#shares[row + TRAVEL] = travel;
    let home = 1 - travel;
    for (let kind = OFFICE; kind <= VPN; kind++) {
      this.#shares[row + kind] = toShareStep(((1 - travel) * weights[kind]) / total);
      home -= this.#shares[row + kind];
    }
    this.#shares[row + HOME] = Math.max(0, toShareStep(home));
    const { fewestEvents, mostEvents } = ACCOUNTS;
    this.#events[user] = Math.min(mostEvents, Math.floor(fewestEvents / (1 - random.uniform())));
    this.#agents[user * 2] = random.below(AGENT_COUNT);
    this.#agents[user * 2 + 1] = random.below(AGENT_COUNT);
  }

  drawSlice(slice: number, into: SliceColumns): void {
    if (slice === 0) {
      this.#remaining.set(this.#events);
      this.#leaseEnd.fill(Number.NEGATIVE_INFINITY);
      this.#interfaceEnd.fill(Number.NEGATIVE_INFINITY);
    }
    const random = this.slices.random(slice, PURPOSE.simulation);
    for (let user = 0; user < this.users; user++) {
      const logins = this.slices.share(slice, this.#remaining[user], random);
      if (logins === 0) continue;
      this.#remaining[user] -= logins;
      into.reserve(logins);
      const start = into.count;
      for (let i = 0; i < logins; i++) into.tick[start + i] = random.u32();
      // Leases run in time, so an account's logins are drawn in their order.
      into.tick.subarray(start, start + logins).sort();
      for (let at = start; at < start + logins; at++) {
        into.user[at] = user;
        this.#drawAddress(user, this.slices.timeAt(slice, into.tick[at]), random, into, at);
        into.agent[at] = this.#agents[user * 2 + (random.u32() & 1)];
      }
      into.count += logins;
    }
  }

  #drawAddress(user: number, now: number, random: RandomStream, into: SliceColumns, at: number): void {
    const kind = this.#drawKind(user, random);
    const lease = user * KINDS + kind;
    if (now >= this.#leaseEnd[lease]) this.#renew(user, kind, now, random);
    const { addresses } = into;
    if (kind === HOME && this.#hasIpv6[user] === 1 && random.uniform() < ACCOUNTS.ipv6Preference) {
      if (now >= this.#interfaceEnd[user]) this.#drawInterface(user, now, random);
      const { delegated } = this.#places.all[this.#placeOf[lease]];
      addresses[at * 4] = this.#prefix[user * 2];
      addresses[at * 4 + 1] =
        this.#prefix[user * 2 + 1] + (delegated === 1 ? 0 : random.below(ACCOUNTS.homeNetworks));
      addresses[at * 4 + 2] = this.#interface[user * 2];
      addresses[at * 4 + 3] = this.#interface[user * 2 + 1];
    } else {
      addresses[at * 4] = 0;
      addresses[at * 4 + 1] = 0;
      addresses[at * 4 + 2] = IPV4_WORD_2;
      addresses[at * 4 + 3] = this.#leased[lease];
    }
  }

  #drawKind(user: number, random: RandomStream): number {
    let rest = random.uniform();
    for (let kind = TRAVEL; kind > HOME; kind--) {
      rest -= this.#shares[user * KINDS + kind];
      if (rest < 0) return kind;
    }
    return HOME;
  }

  /**
   * A new address, and at home a new prefix, for an exponential time. The exponential has no memory: leases that began
   * and ended between two logins need not be drawn.
   */
  #renew(user: number, kind: number, now: number, random: RandomStream): void {
    const lease = user * KINDS + kind;
    const { all } = this.#places;
    const place: Place = all[kind === TRAVEL ? pick(this.#pools, random) : this.#placeOf[lease]];
    const meanSeconds = kind === TRAVEL ? ACCOUNTS.travelLeaseSeconds : place.leaseSeconds;
    this.#leased[lease] = drawIpv4(place, random);
    this.#leaseEnd[lease] = now - Math.log(1 - random.uniform()) * meanSeconds;
    if (kind === HOME && this.#hasIpv6[user] === 1) {
      const { upper, first, size } = place.ipv6!;
      const delegated = place.delegated!;
      this.#prefix[user * 2] = upper;
      this.#prefix[user * 2 + 1] = first + delegated * random.below(Math.floor(size / delegated));
    }
  }

  /** A new interface identifier; the device changes it at the same moment of every day, whether it logs in or not. */
  #drawInterface(user: number, now: number, random: RandomStream): void {
    const period = ACCOUNTS.temporaryAddressSeconds;
    const end = this.#interfaceEnd[user];
    if (end === Number.NEGATIVE_INFINITY) this.#interfaceEnd[user] = now + period * (1 - random.uniform());
    else this.#interfaceEnd[user] = end + period * (Math.floor((now - end) / period) + 1);
    this.#interface[user * 2] = random.u32();
    this.#interface[user * 2 + 1] = random.u32();
  }

  truth(): ProvidersTruth {
    const placeOf = (user: number, kind: number) => {
      const place = this.#placeOf[user * KINDS + kind];
      return place < 0 ? null : place;
    };
    const accounts = Array.from({ length: this.users }, (_, user) => {
      const share = (kind: number) => this.#shares[user * KINDS + kind];
      return {
        entity: entityName(user),
        home: this.#placeOf[user * KINDS],
        office: placeOf(user, OFFICE),
        carrier: placeOf(user, CARRIER),
        vpn: placeOf(user, VPN),
        ipv6: this.#hasIpv6[user] === 1,
        shares: [share(HOME), share(OFFICE), share(CARRIER), share(VPN), share(TRAVEL)],
        events: this.#events[user],
      };
    });
    return {
      world: 'providers',
      seed: this.#options.seed,
      startSeconds: this.slices.startSeconds,
      endSeconds: this.slices.endSeconds,
      ranges: this.#identities[0],
      ranges6: this.#identities[1],
      places: this.#places.all.map(describePlace),
      accounts,
    };
  }
}

/** The nearest multiple of SHARE_STEP, as the decimal number that JSON shows. */
function toShareStep(share: number): number {
  return Number((Math.round(share / SHARE_STEP) * SHARE_STEP).toFixed(4));
}
