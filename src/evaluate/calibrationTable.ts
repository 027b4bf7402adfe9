import type { Events } from '../events/events.ts';
import { CALIBRATION_ROWS, calibrationRow } from '../model/calibration.ts';
import { type CalibrationRow, NOMINAL_RATES } from './evaluation.ts';
import type { JudgedModel } from './judgedModel.ts';

/** How often honest events pass each nominal rate, for all accounts seen in training, then by how many events those have. */
export function calibrationRows(model: JudgedModel, honest: Events): CalibrationRow[] {
  const anomalies = model.anomalies(honest);
  const known = model.eventsOf(honest.entities);
  const rows = CALIBRATION_ROWS.map(({ title }) => ({ title, ...emptyCounts() }));
  for (let i = 0; i < honest.count; i++) {
    const events = Math.max(0, known[honest.entity[i]]);
    const row = rows[calibrationRow(events)];
    const pValue = model.calibration.pValue(anomalies[i], events);
    row.honestEvents++;
    if (pValue === null) row.hasNone = true;
    for (const [r, rate] of NOMINAL_RATES.entries()) if (pValue !== null && pValue <= rate) row.passed[r]++;
  }
  const all = { title: 'all', ...emptyCounts() };
  for (const { honestEvents, passed, hasNone } of rows.slice(1)) {
    all.honestEvents += honestEvents;
    all.hasNone ||= hasNone;
    for (const r of passed.keys()) all.passed[r] += passed[r];
  }
  return [all, ...rows].map(({ title, honestEvents, passed, hasNone }) => ({
    title,
    honestEvents,
    actual: hasNone || honestEvents === 0 ? null : passed.map((count) => count / honestEvents),
  }));
}

const emptyCounts = () => ({ honestEvents: 0, passed: NOMINAL_RATES.map(() => 0), hasNone: false });
