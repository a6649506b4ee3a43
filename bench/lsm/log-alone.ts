// The embedded log without a store behind it: appends of the same bytes as durable batches write. What a batch of the store costs
// beyond this is the store's own.

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { seededRandom } from '../../src/engine/base/random.ts';
import { uuidv4 } from '../../src/engine/base/uuid.ts';
import { encodeEntry } from '../../src/engine/domain/domain-entry-format.ts';
import { openPlace } from './cloudtopics-subject.ts';
import type { BenchRow } from './subject.ts';
import { fillDurably, type Measured, type WorkloadSizes } from './workloads.ts';

const group = 'domain/log-alone';

export async function* logAlone(directory: string, sizes: WorkloadSizes, seed: number): AsyncGenerator<Measured> {
  const place = join(directory, 'log-alone');
  await mkdir(place, { recursive: true });
  const { log, close } = await openPlace(place, 0);
  const random = seededRandom(seed);
  const [opened] = await log.open([group]);
  if (opened === undefined) throw new Error('the log did not open');
  let end = opened.end;
  const write = async (rows: readonly BenchRow[]): Promise<void> => {
    const entries = [encodeEntry({ writeId: uuidv4(random), changes: rows })];
    const [outcome] = await log.append([{ group, term: opened.term, expectedEnd: end, entries }]);
    if (outcome?.status !== 'committed') throw new Error('the log refused an append');
    end = outcome.end;
  };
  for await (const measured of fillDurably({ write }, sizes, seed)) {
    yield { ...measured, workload: `${measured.workload}, log alone` };
  }
  await close();
}
