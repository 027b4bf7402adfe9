import type { GroupTable } from '../../addresses/groupTable.ts';
import { ScoredEvents } from '../../scores/scoredEvents.ts';

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
}

/** What lies before an analyst, beside the model: scored events, an evaluation, labels. */
export class Desk {
  readonly options: DeskOptions;
  /** of the files; they name accounts too, as models keep no names */
  readonly events = new ScoredEvents();

  constructor(options: DeskOptions) {
    this.options = options;
  }
}
