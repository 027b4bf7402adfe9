import type { GroupTable } from '../../addresses/groupTable.ts';
import { RecentEvents } from '../../scores/recentEvents.ts';
import { ScoredEvents } from '../../scores/scoredEvents.ts';
import type { Serving } from '../serving.ts';
import { AccountNames } from './accountNames.ts';
import type { EvaluationMetrics } from './contract.ts';
import { readEvaluation } from './evaluationFile.ts';
import { EventTable } from './eventTable.ts';
import { GroupNames } from './groupNames.ts';
import { Labels } from './labels.ts';
import { LoadedEvents, type LoadingListener } from './loadedEvents.ts';

export interface DeskOptions {
  /** files and folders of scored events */
  events: string[];
  /** metrics.json of `evaluate` */
  evaluation?: string | undefined;
  /** file that labels are kept in; undefined: in memory only */
  labels?: string | undefined;
  /** so many of the events that this server answered are kept to be looked at */
  recent: number;
  /** what names providers and countries; where there is none, the model's own */
  tables: GroupTable[];
  /** told how far the reading of events is */
  onLoading?: LoadingListener | undefined;
}

/** Numbers of recent events in requests begin here, those of files at 0. */
const FIRST_RECENT_ID = 2 ** 40;

/** What lies before an analyst, beside the model: scored events, an evaluation, labels. */
export class Desk {
  readonly options: DeskOptions;
  /** of the files; they name accounts too, as models keep no names */
  readonly events = new ScoredEvents();
  readonly loading: LoadedEvents;
  readonly labels: Labels;
  /** what this server answered lately; undefined: nothing is kept */
  readonly recent: RecentEvents | undefined;
  readonly #loaded: EventTable;
  /** of the recent events, and how many there had been then */
  #recentTable: { table: EventTable; total: number } | undefined;
  /** what was measured of a model, this or another one */
  readonly evaluation: EvaluationMetrics | undefined;

  /** @throws InputError where a file of events is missing, that of labels is damaged, or the evaluation is none */
  constructor(options: DeskOptions) {
    this.options = options;
    this.evaluation = options.evaluation === undefined ? undefined : readEvaluation(options.evaluation);
    this.loading = new LoadedEvents(options.events, this.events);
    this.labels = new Labels(options.labels);
    this.recent = options.recent > 0 ? new RecentEvents(options.recent) : undefined;
    this.#loaded = new EventTable(this.events, this.labels);
  }

  /** Reads the events, while requests are answered. */
  async load(serving: Serving): Promise<void> {
    const { threshold } = serving.options;
    await this.loading.load(
      { model: () => serving.main.model, threshold },
      () => this.#loaded.refresh(this.groupTables(serving)),
      this.options.onLoading,
    );
  }

  end(): void {
    this.loading.end();
  }

  /** What names providers and countries. */
  groupTables(serving: Serving): GroupTable[] {
    return this.groupNames(serving)?.tables ?? this.options.tables;
  }

  /** undefined where neither a model nor a table is at hand */
  groupNames(serving: Serving): GroupNames | undefined {
    return serving.hasMain ? new GroupNames(this.options.tables, serving.main.model) : undefined;
  }

  /** The events of a source, as far as they have come. */
  async table(source: 'loaded' | 'recent', serving: Serving): Promise<EventTable> {
    const tables = this.groupTables(serving);
    if (source === 'loaded') {
      await this.#loaded.refresh(tables, !this.loading.isDone);
      return this.#loaded;
    }
    const { recent } = this;
    const total = recent?.total ?? 0;
    if (this.#recentTable?.total !== total) {
      const events = recent?.snapshot() ?? new ScoredEvents();
      const table = new EventTable(events, this.labels, FIRST_RECENT_ID + (recent?.first ?? 0));
      this.#recentTable = { table, total };
    }
    const { table } = this.#recentTable;
    await table.refresh(tables);
    return table;
  }

  /** Names of the accounts of the files. */
  accountNames(serving: Serving): AccountNames {
    return new AccountNames(this.events.entities, this.#loaded.names, () => this.table('loaded', serving));
  }

  /** All tables that there are now. */
  tables(): EventTable[] {
    return this.#recentTable ? [this.#loaded, this.#recentTable.table] : [this.#loaded];
  }
}
