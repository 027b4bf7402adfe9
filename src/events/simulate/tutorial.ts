import { IPV4_WORD_2 } from '../../addresses/address.ts';
import { type RangeTable, requireFamily } from '../../addresses/ranges.ts';
import { PURPOSE, RandomStream } from '../../random/philox.ts';
import type { RangesIdentity, TutorialTruth } from './truth.ts';
import { AGENT_COUNT } from './userAgents.ts';
import { entityName, type SliceColumns, TimeSlices, type World, type WorldOptions } from './world.ts';

/** The generative model of AWS's IP Insights tutorial; docs/worlds.md has it in full. */
export const TUTORIAL = {
  /** work lies at most this many places of the list from home */
  workReach: 50_000,
  /** standard deviation, in places of the list, of the range used around home or work */
  placeSigma: 10,
  travelBeta: [1, 30],
  homeBeta: [3, 5],
  fewestEvents: 50,
  mostEvents: 10_000,
} as const;

/**
 * The tutorial's world. Per account: a home range, uniform over the list; a work range at most 50,000 places of the
 * list from it; P(travel) ~ Beta(1, 30); P(home | no travel) ~ Beta(3, 5); 50·(Pareto(1) + 1) logins, at most 10,000
 * (Pareto as NumPy has it, from 0 on). Per login: travelling, a range uniform over the list; else home or work, moved
 * by a normal of σ = 10 places and kept within the list; the address uniform within the range; the time uniform.
 */
export class TutorialWorld implements World {
  readonly users: number;
  readonly eventCount: number;
  readonly slices: TimeSlices;
  readonly #options: WorldOptions;
  readonly #ranges: RangeTable;
  readonly #identity: RangesIdentity;
  readonly #home: Uint32Array; // (U) place in the list
  readonly #work: Uint32Array; // (U) place in the list
  readonly #travel: Float64Array; // (U) probability
  readonly #homeShare: Float64Array; // (U) probability of home, given no travel
  readonly #events: Uint32Array; // (U)
  readonly #remaining: Uint32Array; // (U) logins not drawn yet
  readonly #agents: Uint8Array; // (U, 2) the account's two browsers

  /**
   * @param identity which list `ranges` is, for the truth file
   * @throws InputError where the list holds IPv6 ranges
   */
  constructor(options: WorldOptions, ranges: RangeTable, identity: RangesIdentity) {
    requireFamily(ranges, 'IPv4', identity.name);
    const { users, seed } = options;
    this.users = users;
    this.#options = options;
    this.#ranges = ranges;
    this.#identity = identity;
    this.#home = new Uint32Array(users);
    this.#work = new Uint32Array(users);
    this.#travel = new Float64Array(users);
    this.#homeShare = new Float64Array(users);
    this.#events = new Uint32Array(users);
    this.#agents = new Uint8Array(users * 2);
    const { workReach, travelBeta, homeBeta, fewestEvents, mostEvents } = TUTORIAL;
    const lastPlace = ranges.count - 1;
    let eventCount = 0;
    for (let user = 0; user < users; user++) {
      const random = new RandomStream(seed, PURPOSE.simulation, user);
      const home = random.below(ranges.count);
      this.#home[user] = home;
      this.#work[user] = clamp(home + random.below(2 * workReach + 1) - workReach, lastPlace);
      this.#travel[user] = random.beta(travelBeta[0], travelBeta[1]);
      this.#homeShare[user] = random.beta(homeBeta[0], homeBeta[1]);
      // 1 / uniform is Pareto(1) + 1; 1 − uniform() lies in (0, 1].
      this.#events[user] = Math.min(mostEvents, Math.floor(fewestEvents / (1 - random.uniform())));
      this.#agents[user * 2] = random.below(AGENT_COUNT);
      this.#agents[user * 2 + 1] = random.below(AGENT_COUNT);
      eventCount += this.#events[user];
    }
    this.eventCount = eventCount;
    this.#remaining = new Uint32Array(users);
    this.slices = new TimeSlices(options, eventCount);
  }

  drawSlice(slice: number, into: SliceColumns): void {
    if (slice === 0) this.#remaining.set(this.#events);
    const random = this.slices.random(slice, PURPOSE.simulation);
    const { firsts, sizes, count } = this.#ranges;
    for (let user = 0; user < this.users; user++) {
      const logins = this.slices.share(slice, this.#remaining[user], random);
      if (logins === 0) continue;
      this.#remaining[user] -= logins;
      into.reserve(logins);
      for (let i = 0; i < logins; i++) {
        let place: number;
        if (random.uniform() < this.#travel[user]) {
          place = random.below(count);
        } else {
          const middle = random.uniform() < this.#homeShare[user] ? this.#home[user] : this.#work[user];
          place = clamp(middle + Math.round(random.normal() * TUTORIAL.placeSigma), count - 1);
        }
        const at = into.count++;
        into.user[at] = user;
        into.tick[at] = random.u32();
        into.addresses[at * 4] = 0;
        into.addresses[at * 4 + 1] = 0;
        into.addresses[at * 4 + 2] = IPV4_WORD_2;
        into.addresses[at * 4 + 3] = firsts[place * 4 + 3] + random.below(sizes[place]);
        into.agent[at] = this.#agents[user * 2 + (random.u32() & 1)];
      }
    }
  }

  truth(): TutorialTruth {
    const accounts = Array.from({ length: this.users }, (_, user) => ({
      entity: entityName(user),
      home: this.#home[user],
      work: this.#work[user],
      travel: this.#travel[user],
      homeShare: this.#homeShare[user],
      events: this.#events[user],
    }));
    return {
      world: 'tutorial',
      seed: this.#options.seed,
      startSeconds: this.slices.startSeconds,
      endSeconds: this.slices.endSeconds,
      ranges: this.#identity,
      accounts,
    };
  }
}

/** A place in the list: `place`, or the end of the list where it lies beyond. */
function clamp(place: number, lastPlace: number): number {
  return Math.max(0, Math.min(lastPlace, place));
}
