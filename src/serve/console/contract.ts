/*
 * What the console's pages ask the server, and what they are answered. Types only: the pages import them too, so that both
 * sides change together, and import nothing. Names are in bodies, never in addresses of requests, as those end in logs of proxies.
 */
/** As `Verdict` of the model, of which the pages know nothing. */
export type Verdict = 'ok' | 'suspicious' | 'unknown';

export type Label = 'honest' | 'attack';

/** Which events: all that every given condition holds for. */
export interface EventFilter {
  /** `loaded`: from the files of `--events`; `recent`: what this server answered lately; default: `loaded` where there are files */
  source?: 'loaded' | 'recent';
  /** part of the account's name, in any case of letters */
  account?: string;
  /** the account's whole name */
  entity?: string;
  /** an address or a network as 198.51.100.0/24 */
  network?: string;
  /** part of a provider's name, its number as AS64500, or a country's two letters */
  provider?: string;
  verdict?: Verdict;
  label?: Label | 'none';
  /** seconds since 1970, first and last */
  from?: number;
  to?: number;
  /** at least so strange, in nats */
  least_anomaly?: number;
  /** events later in the source than the one of this id: what came since; and those up to one */
  after_id?: number;
  up_to_id?: number;
}

/** POST /v1/events/query */
export interface EventQuery {
  filter?: EventFilter;
  order?: 'strangest' | 'latest';
  /** rows to leave out at the beginning */
  offset?: number;
  /** at most 200 */
  limit?: number;
}

export interface EventRow {
  /** names the event in later requests; of no use after a restart */
  id: number;
  entity: string;
  /** in canonical form */
  address: string;
  /** seconds since 1970; null where unknown */
  time: number | null;
  dot_product: number;
  anomaly: number;
  p_value: number | null;
  verdict: Verdict;
  /** `AS64500 Example`, by the tables at hand; null without a table */
  provider: string | null;
  /** two letters */
  country: string | null;
  label: Label | null;
}

export interface EventPage {
  /** share of the files read so far; 1: all */
  loaded: number;
  /** events of the source, and those that the filter lets through */
  all: number;
  total: number;
  /** id of the last event of the source; null: there is none */
  last_id: number | null;
  rows: EventRow[];
}

/** POST /v1/events/histogram {filter, bins}: at most so many bins, as their width is one that people can read */
export interface EventHistogram {
  /** borders of bins, seconds since 1970, evenly spaced; empty where no event has a time. B + 1 */
  edges: number[];
  /** events in each bin by verdict. B each */
  ok: number[];
  suspicious: number[];
  unknown: number[];
  /** events without a time */
  untimed: number;
}

/*
 * POST /v1/events/export {filter, order}: the events as CSV with a header row: entity, address, time, dot_product, anomaly,
 * p_value, verdict, provider, country, label.
 */

/** GET /v1/events/sources: what there is to look at */
export interface EventSources {
  /** files of `--events` */
  files: string[];
  loaded: number;
  loaded_events: number;
  /** lines that were no events, and files that could not be read to their end, with the first reasons */
  skipped: number;
  skipped_reasons: string[];
  recent_events: number;
  /** which tables name providers and countries */
  tables: ('asn' | 'country')[];
  /** file that labels are kept in; null: in memory only */
  labels_file: string | null;
  /** whether what is observed is kept */
  keeps_observed_events: boolean;
}

/** POST /v1/labels {entity, address, time, label}; time in seconds since 1970, or null */
export interface LabelAnswer {
  /** for POST /v1/labels/undo {id}; of no use after a restart */
  id: number;
  label: Label;
  /** whether the model learned the event; it does of an honest one later than its last event */
  observed: boolean;
}

/** POST /v1/labels/undo {id}, or {entity, address, time} for the label that the event has */
export interface LabelUndone {
  /** what was said of the event before, which holds again */
  label: Label | null;
}

/** POST /v1/explain {entity, address}: the keys of `explain --json` */
export interface ExplainAnswer {
  entity: string;
  address: string;
  dot_product: number;
  anomaly: number;
  p_value: number | null;
  verdict: Verdict;
  threshold: number | null;
  log_ratio: number;
  terms: { intercept: number; history: number; vectors: number };
  ladder: LadderRow[];
  reasons: { code: string; sentence: string }[];
}

export interface LadderRow {
  network: string;
  own_places: number | null;
  own_share: number | null;
  background: number | null;
  ratio: number;
  weight: number;
  share: number;
}

/** POST /v1/accounts/find {text} */
export interface AccountsFound {
  /** names that contain the text in any case of letters, those that begin with it first; at most 20 */
  entities: string[];
  /** how many names are known: those of loaded events. Of other accounts only the whole name finds anything. */
  names: number;
}

/** POST /v1/account {entity} */
export interface AccountAnswer {
  entity: string;
  /** whether the model has seen it */
  is_known: boolean;
  /** whether the vectors were trained with it */
  has_vector: boolean;
  events: number;
  places: number;
  /** seconds since 1970 of the day of its last event; null where unknown */
  last_time: number | null;
  /** where it signs in from when the place is new, for each family that it uses */
  weights: AccountWeightsOfFamily[];
  /** whether the weights are its own, rather than those of accounts with as many places */
  has_own_weights: boolean;
  /** the most used first, at most 8; empty without tables */
  providers: AccountProvider[];
  /** its networks, nested from wide to narrow: see AccountNetworkNode */
  networks: AccountNetworkNode[];
  /** what of its places lies in networks that are not among those, as they are too many */
  left_out: { places: number; events: number };
  /** closest first: a network that k accounts use counts 1/k */
  neighbours: AccountNeighbour[];
}

export interface AccountWeightsOfFamily {
  family: 'IPv4' | 'IPv6';
  /** `92 % its /20s, …` */
  sentence: string;
  /** heaviest first; those below half a percent are left out */
  parts: { name: string; weight: number }[];
}

export interface AccountProvider {
  provider: string | null;
  country: string | null;
  places: number;
  events: number;
}

/**
 * A network that the account uses; children lie in it. The widest have no parent. One network in another alone stands for both.
 * Without children and of more than one place: its places are summed up.
 */
export interface AccountNetworkNode {
  /** `198.51.100.0/24`; an IPv4 address without a length */
  network: string;
  /** prefix length in its family: 8, 16, 24, 32, of IPv6 32, 48, 64; or between two of them */
  length: number;
  places: number;
  events: number;
  /** seconds since 1970 of the day of its last event; null where unknown */
  last_time: number | null;
  /** where all its places have the same */
  provider: string | null;
  country: string | null;
  children: AccountNetworkNode[];
}

/** Another account in the same networks. */
export interface AccountNeighbour {
  /** null: no event of it is loaded, and models keep no names */
  entity: string | null;
  /** networks that both use: /24, or /48 of IPv6 */
  shared_networks: number;
  /** those with the fewest accounts first, at most 3, and how many accounts use each */
  examples: string[];
  example_accounts: number[];
}

export type MapKind = 'accounts' | 'networks';

/**
 * POST /v1/map {kind, limit}: accounts or networks as points, the most used first. Vectors are brought to length 1 before, as
 * their direction is what says how alike two are; distances of points then stand for cosines.
 */
export interface MapAnswer {
  kind: MapKind;
  /** how many there are; at most `limit` of them are drawn */
  all: number;
  /** first two principal components, N × 2 */
  xy: number[];
  /** the first components for UMAP, N × `components` */
  principal: number[];
  components: number;
  /** shares of the variance of each component */
  explained: number[];
  /** networks, or names of accounts, of which those above 120 characters are cut: … ends them; null: no event of it is loaded */
  names: (string | null)[];
  /** index into `groups` of each point's provider and country; −1 unknown */
  providers: number[];
  countries: number[];
  provider_names: string[];
  country_names: string[];
  /** events of the account, accounts of the network */
  sizes: number[];
  /** names each point in later requests */
  ids: number[];
  /** which tables name providers and countries */
  tables: ('asn' | 'country')[];
}

/** POST /v1/map/neighbours {kind, id, count, limit}: the most alike of those that are drawn with that limit */
export interface MapNeighbours {
  /** of the point itself; uncut */
  name: string | null;
  /** the most alike first: 1 is the same direction, 0 none in common */
  neighbours: { id: number; name: string | null; cosine: number }[];
}

/** PUT /v1/model/threshold: one of the three; answered by GET /v1/model's object */
export interface ThresholdChange {
  /** set by hand; null: the model has no threshold, as before somebody saved one */
  anomaly?: number | null | undefined;
  max_fpr?: number | undefined;
  max_alerts_per_day?: number | undefined;
}

export interface SavedThreshold {
  anomaly: number;
  rule: 'max_fpr' | 'max_alerts_per_day' | 'manual';
  /** null: by hand */
  limit: number | null;
  /** share of the later honest events that it flags; null where there were none */
  false_positive_rate: number | null;
}

/** GET /v1/model */
export interface ModelAnswer {
  version: string;
  /** name of the model's file, without its folder */
  file: string | null;
  trained_by: string;
  loaded_at: string;
  size_bytes: number;
  /** tells models of different trainings apart, as `model.identity` of metrics.json */
  identity: string;
  seed: number;
  hyperparameters: Record<string, number>;
  data: {
    events: number;
    ipv4_events: number;
    ipv6_events: number;
    entities: number;
    /** with a vector */
    networks: number;
    first_time: string | null;
    last_time: string | null;
    /** since the vectors were trained */
    events_added: number;
  };
  /** epochs of the vectors */
  training: { epoch: number; cross_entropy: number; accuracy: number; discriminator_auc: number | null }[];
  fitted_on: { by_time: boolean; events: number; new_places: number };
  /** of the later events; null without times */
  honest_events_per_day: number | null;
  /** later honest events of accounts with a history: ascending anomalies, each with the share at least that strange */
  calibration: { events: number; points: [anomaly: number, shareAtLeast: number][] };
  tables: { kind: 'asn' | 'country'; name: string }[];
  half_life_days: number | null;
  vector_bits: number;
  threshold: SavedThreshold | null;
  /** of the model's own, for accounts that it has not seen */
  threshold_of_new_accounts: number | null;
  /** of `serve --threshold`, which goes before the model's own */
  server_threshold: number | null;
  keeps_observed_events: boolean;
  /** whether GET /v1/evaluation has figures, of this model or another one */
  has_evaluation: boolean;
}

/** GET /v1/evaluation */
export interface EvaluationAnswer {
  /** whether it was made of the model in use; null: the file does not say */
  matches: boolean | null;
  /** metrics.json of `evaluate --json`, without comparisons by kind of honest events and without the strangest events */
  metrics: EvaluationMetrics;
}

/** A part of metrics.json (docs/evaluate.md). Files of earlier builds lack what is optional. */
export interface EvaluationMetrics {
  trained_by: string;
  model?: { identity: string; events: number; events_added: number; last_time: number | null };
  inputs: Record<string, string | null>;
  seed: number;
  counts: {
    evaluation_events: number;
    test_days: number | null;
    honest_events_per_day: number | null;
  };
  discriminator_auc: number;
  detectors?: { detector: string; title: string; meaning: string }[];
  attackers: EvaluationAttacker[];
  calibration:
    | { training_events: string; honest_events: number; nominal_fpr: number[]; actual_fpr: number[] | null }[]
    | null;
  notes: string[];
}

export interface EvaluationAttacker {
  attacker: string;
  title?: string;
  honest_events: number;
  attack_events: number;
  detectors: {
    detector: string;
    auc: number;
    roc: { threshold: number | null; fpr: number; tpr: number }[];
  }[];
  distribution?: { from: number; to: number; honest: number[]; attacks: number[] };
  /** columns, by descending threshold */
  operating_points?: { threshold: number[]; fpr: number[]; tpr: number[] };
}
