import { EntityDictionary, type Events, EventsBuilder } from '../events.ts';
import { CombinedLogWriter } from './combinedLog.ts';
import { entityName, POSITION_LIMIT, SliceColumns, type World } from './world.ts';

/**
 * Writes the log of a world in time order, one slice of time after the other: memory does not grow with the log.
 * @param write      receives the lines, about 1 MiB at a time; the bytes are valid until what it returns is settled
 * @param onProgress told from time to time how many lines are written, and how many there will be
 */
export async function simulateLog(
  world: World,
  write: (bytes: Uint8Array) => void | Promise<void>,
  onProgress: (linesDone: number, expectedLines: number) => void = () => {},
): Promise<void> {
  const writer = new CombinedLogWriter();
  const columns = new SliceColumns();
  let linesDone = 0;
  for (let slice = 0; slice < world.slices.count; slice++) {
    columns.clear();
    world.drawSlice(slice, columns);
    for (const key of columns.inTimeOrder()) {
      const position = key % POSITION_LIMIT;
      const second = Math.floor(world.slices.timeAt(slice, columns.tick[position]));
      writer.add(columns.user[position], columns.addresses, position, second, columns.agent[position]);
      linesDone++;
      if (writer.isFull) {
        await write(writer.take());
        onProgress(linesDone, world.eventCount);
        // Lets signals through: Ctrl-C must not wait for the whole log.
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
  }
  await write(writer.take());
  onProgress(linesDone, world.eventCount);
}

/** The same logins in memory, in the order of the log, the entities numbered as in the world's truth. */
export function simulateEvents(world: World): Events {
  const encoder = new TextEncoder();
  const entities = new EntityDictionary();
  for (let user = 0; user < world.users; user++) entities.add(encoder.encode(entityName(user)));
  const builder = new EventsBuilder(entities);
  const columns = new SliceColumns();
  for (let slice = 0; slice < world.slices.count; slice++) {
    columns.clear();
    world.drawSlice(slice, columns);
    for (const key of columns.inTimeOrder()) {
      const position = key % POSITION_LIMIT;
      const second = Math.floor(world.slices.timeAt(slice, columns.tick[position]));
      builder.addNumbered(columns.user[position], columns.addresses, position, second);
    }
  }
  return builder.build();
}
