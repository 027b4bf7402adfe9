import { type AddressWords, formatAddress, IPV4_WORD_2 } from '../../addresses/address.ts';
import { type GroupKind, NO_GROUP } from '../../addresses/groupTable.ts';
import { hashEntity } from '../../events/entityHash.ts';
import { SECONDS_PER_DAY } from '../../events/time.ts';
import type { AccountNetwork } from '../../history/history.ts';
import { weightsOf } from '../../history/mixture.ts';
import { type NetworkNode, networkTree } from '../../history/networkTree.ts';
import { accountsSharingNetworks } from '../../history/sharedNetworks.ts';
import { namedWeights, weightsInWords } from '../../model/explanation.ts';
import type { Model } from '../../model/model.ts';
import type { AccountNames } from './accountNames.ts';
import type {
  AccountAnswer,
  AccountNeighbour,
  AccountNetworkNode,
  AccountProvider,
  AccountWeightsOfFamily,
} from './contract.ts';
import type { GroupNames } from './groupNames.ts';
import { Slices } from './slices.ts';

/** Networks at the end of the tree: as many as a picture of a screen's height has room to name. */
const MOST_NETWORKS = 60;
const MOST_NEIGHBOURS = 20;
const MOST_EXAMPLES = 3;
const MOST_PROVIDERS = 8;

/** What a model knows of an account. */
export async function describeAccount(
  model: Model,
  entity: string,
  groups: GroupNames,
  names: AccountNames,
): Promise<AccountAnswer> {
  const { seen, history } = model;
  const [low, high] = hashEntity(entity);
  const number = seen.find(low, high);
  const { roots, leftOut } = networkTree(history, number, MOST_NETWORKS);
  const lastDay = roots.reduce((last, node) => Math.max(last, node.lastDay), 0);
  const answer: AccountAnswer = {
    entity,
    is_known: number >= 0,
    has_vector: seen.hasVector(number),
    events: history.eventsOf(number),
    places: history.placesOf(number),
    last_time: timeOf(lastDay),
    ...weightsOfAccount(model, number),
    providers: providersOf(model, number, groups),
    networks: roots.map((node) => nodeOf(node, groups)),
    left_out: leftOut,
    neighbours: [],
  };
  if (number < 0) return answer;
  const slices = new Slices();
  const rest = () => slices.rest();
  const sharing = await accountsSharingNetworks(history, number, seen.count, MOST_NEIGHBOURS, rest);
  answer.neighbours = sharing.map(({ entity: other, shared }): AccountNeighbour => {
    const examples = shared.slice(0, MOST_EXAMPLES);
    return {
      entity: names.nameOf(seen.hashOf(other)),
      shared_networks: shared.length,
      examples: examples.map(({ network }) => networkText(network)),
      example_accounts: examples.map(({ users }) => users),
    };
  });
  return answer;
}

const timeOf = (day: number) => (day === 0 ? null : day * SECONDS_PER_DAY);

const wordsAt = (ipv4: boolean, high: number, low: number): AddressWords =>
  ipv4 ? Uint32Array.of(0, 0, IPV4_WORD_2, high) : Uint32Array.of(high, low, 0, 0);

const networkText = ({ ipv4, high, low }: AccountNetwork) =>
  `${formatAddress(wordsAt(ipv4, high, low))}/${ipv4 ? 24 : 48}`;

function weightsOfAccount(
  { history, mixture, card }: Model,
  number: number,
): Pick<AccountAnswer, 'weights' | 'has_own_weights'> {
  if (number < 0) return { weights: [], has_own_weights: false };
  const kinds = card.mixture.tables.map(({ kind }) => kind);
  const scratch = new Float64Array(mixture.buckets[0].length);
  const lambda = weightsOf(mixture, number, history.placesOf(number), scratch);
  const weights = [true, false]
    .filter((ipv4) => history.networksOf(number, ipv4).length > 0)
    .map(
      (ipv4): AccountWeightsOfFamily => ({
        family: ipv4 ? 'IPv4' : 'IPv6',
        sentence: weightsInWords(lambda, ipv4, kinds),
        parts: namedWeights(lambda, ipv4, kinds),
      }),
    );
  return { weights, has_own_weights: lambda === scratch };
}

function nodeOf(node: NetworkNode, groups: GroupNames): AccountNetworkNode {
  const { ipv4, length, high, low, from, to, events, lastDay, children } = node;
  const address = formatAddress(wordsAt(ipv4, high, low));
  return {
    network: ipv4 && length === 32 ? address : `${address}/${length}`,
    length,
    places: to - from,
    events,
    last_time: timeOf(lastDay),
    provider: commonGroup(node, groups, 'asn'),
    country: commonGroup(node, groups, 'country'),
    children: children.map((child) => nodeOf(child, groups)),
  };
}

/** The provider or country that all of a node's places have. */
function commonGroup({ ipv4, columns, from, to }: NetworkNode, groups: GroupNames, kind: GroupKind) {
  const table = groups.table(kind);
  if (!table) return null;
  let common = NO_GROUP;
  for (let at = from; at < to; at++) {
    const group = table.find(wordsAt(ipv4, columns.high[at], ipv4 ? 0 : columns.low[at]));
    if (group === NO_GROUP || (at > from && group !== common)) return null;
    common = group;
  }
  return table.label(common);
}

/** Where an account's events came from, the most used first. */
function providersOf({ history: { places } }: Model, number: number, groups: GroupNames): AccountProvider[] {
  const [asn, country] = [groups.table('asn'), groups.table('country')];
  if (!asn && !country) return [];
  const found = new Map<string, AccountProvider>();
  for (const ipv4 of [true, false]) {
    const { columns, from, to } = places.find(number, ipv4, places.segment());
    for (let at = from; at < to; at++) {
      const words = wordsAt(ipv4, columns.high[at], ipv4 ? 0 : columns.low[at]);
      const [provider, where] = [asn?.find(words) ?? NO_GROUP, country?.find(words) ?? NO_GROUP];
      const key = `${provider} ${where}`;
      let one = found.get(key);
      if (!one) {
        one = {
          provider: asn && provider !== NO_GROUP ? asn.label(provider) : null,
          country: country && where !== NO_GROUP ? country.label(where) : null,
          places: 0,
          events: 0,
        };
        found.set(key, one);
      }
      one.places++;
      one.events += columns.events[at];
    }
  }
  return [...found.values()].sort((a, b) => b.events - a.events).slice(0, MOST_PROVIDERS);
}
