// The disk's own ceiling: 4 MiB writes to files of their own, each flushed, one after the other. This is what a
// broker that flushes every object before it acknowledges could reach if it did nothing else.

import { mkdtemp, open, rm } from 'node:fs/promises';
import { join } from 'node:path';

const objectBytes = 4 * 1_048_576;

export interface DiskCeiling {
  readonly mbPerSecond: number;
  readonly flushMedianMs: number;
}

export async function diskCeiling(directory: string, objects = 128): Promise<DiskCeiling> {
  const place = await mkdtemp(join(directory, 'disk-'));
  const content = Buffer.alloc(objectBytes);
  for (let at = 0; at < content.length; at += 8) content.writeDoubleLE(Math.random(), at);
  const flushMs: number[] = [];
  try {
    const started = performance.now();
    for (let index = 0; index < objects; index++) {
      const file = await open(join(place, String(index)), 'w');
      await file.write(content);
      const before = performance.now();
      await file.datasync();
      flushMs.push(performance.now() - before);
      await file.close();
    }
    const seconds = (performance.now() - started) / 1000;
    return {
      mbPerSecond: (objects * objectBytes) / 1_048_576 / seconds,
      flushMedianMs: flushMs.sort((a, b) => a - b)[objects >> 1]!,
    };
  } finally {
    await rm(place, { recursive: true });
  }
}

if (import.meta.main) console.log(await diskCeiling(process.argv[2] ?? '.'));
