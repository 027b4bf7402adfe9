import { rmSync } from 'node:fs';
import { AtomicFile } from './atomicFile.ts';
import { OpenFile } from './openFile.ts';

/** Copied in one go. */
const PIECE_BYTES = 1 << 24;

/** Makes one file of parts, which are removed then; it appears under its name when it is complete. */
export function joinFiles(parts: readonly string[], output: string): void {
  const into = new AtomicFile(output);
  try {
    for (const part of parts) {
      const file = new OpenFile(part);
      try {
        for (let at = 0; at < file.sizeBytes; at += PIECE_BYTES) {
          into.write(file.piece(at, Math.min(PIECE_BYTES, file.sizeBytes - at)));
        }
      } finally {
        file.close();
      }
    }
    into.commit();
  } finally {
    into.abandon();
  }
  removeFiles(parts);
}

/** Those that there are. */
export function removeFiles(paths: readonly string[]): void {
  for (const path of paths) rmSync(path, { force: true });
}
