// What the indexed questions of the metastore cost as a partition grows: rows read and time, from 10^3 to 10^6 extents.
//
//   node bench/metastore-index.ts [--max 1000000] [--json FILE]
//
// Runs on a domain in memory, so the time is that of the index and of decoding rows alone; the number of rows and reads is what any
// store has to serve. Beside each stands what a scan over all extents would read.

import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { type Offset, offset, term, timestampMs, topicId } from '../src/engine/base/ids.ts';
import { type Random, seededRandom } from '../src/engine/base/random.ts';
import { uuidv4 } from '../src/engine/base/uuid.ts';
import { addObjects } from '../src/engine/metastore/add-objects.ts';
import { encodeCompactionRow } from '../src/engine/metastore/compaction-row-format.ts';
import type { Extent } from '../src/engine/metastore/extent-row-format.ts';
import { MetastoreQueries } from '../src/engine/metastore/metastore.ts';
import { compactionKey } from '../src/engine/metastore/metastore-key-format.ts';
import { preregisterObjects } from '../src/engine/metastore/object-lifecycle.ts';
import { MemoryDomain } from '../test/engine/metastore/memory-domain.ts';

const place = { topicId: topicId('6f1c2a34-5b6d-4e7f-8a9b-0c1d2e3f4a5b'), partition: 0 };
const extentOffsets = 1000;
const extentMs = 1000;
const objectExtents = 4000;
const questions = 300;

interface Measured {
  readonly extents: number;
  readonly question: string;
  readonly readsPerQuestion: number;
  readonly rowsPerQuestion: number;
  readonly rowsMax: number;
  readonly micros: number;
}

async function addExtents(domain: MemoryDomain, from: number, to: number, random: Random): Promise<void> {
  const now = timestampMs(1);
  for (let first = from; first < to; first += objectExtents) {
    const objectId = uuidv4(random);
    await domain.write((await preregisterObjects(domain, { objectIds: [objectId] }, now)).changes);
    const extents: Extent[] = [];
    for (let at = first; at < Math.min(to, first + objectExtents); at++) {
      // Timestamps go up, with a spread of a few extents: as records of many producers do.
      const maxTimestamp = timestampMs(Math.floor((at + random.fraction() * 5) * extentMs));
      const length = 64 * 1024 + Math.floor(random.fraction() * 1024 * 1024);
      const base = at * extentOffsets;
      const last = offset(base + extentOffsets - 1);
      extents.push({ baseOffset: offset(base), lastOffset: last, maxTimestamp, objectId, position: 0, length });
    }
    const terms = [{ term: term(1), startOffset: offset(first * extentOffsets) }];
    const lastStamp = { incarnation: 1 as never, term: term(1), attempt: 0 };
    const addition = { ...place, extents, emptyRanges: [], terms, lastStamp, producers: [], forgottenProducers: [] };
    const objects = [{ objectId, sizeBytes: 2 * 1024 * 1024, footerPosition: 0 }];
    await domain.write((await addObjects(domain, { objects, partitions: [addition] }, now)).changes);
  }
}

async function measure(
  domain: MemoryDomain,
  extents: number,
  question: string,
  ask: () => Promise<unknown>,
): Promise<Measured> {
  for (let warm = 0; warm < 20; warm++) await ask();
  let [rows, reads, rowsMax] = [0, 0, 0];
  const begun = performance.now();
  for (let at = 0; at < questions; at++) {
    domain.rowsRead = 0;
    domain.reads = 0;
    await ask();
    rows += domain.rowsRead;
    reads += domain.reads;
    rowsMax = Math.max(rowsMax, domain.rowsRead);
  }
  const micros = ((performance.now() - begun) * 1000) / questions;
  return { extents, question, readsPerQuestion: reads / questions, rowsPerQuestion: rows / questions, rowsMax, micros };
}

/** As many dirty ranges as asked for, spread over the partition, the last one at its end. */
function setDirtyRanges(domain: MemoryDomain, extents: number, count: number): void {
  const stretch = Math.floor((extents * extentOffsets) / count);
  const cleanedRanges = Array.from({ length: count }, (_, at) => ({
    baseOffset: offset(at * stretch),
    lastOffset: offset(at * stretch + Math.floor(stretch * 0.9)),
  }));
  domain.apply({ key: compactionKey(place), value: encodeCompactionRow({ cleanedRanges, tombstoneRanges: [] }) });
}

async function askAll(domain: MemoryDomain, extents: number, random: Random): Promise<Measured[]> {
  const queries = new MetastoreQueries([domain]);
  const somewhere = () => offset(Math.floor(random.fraction() * extents * extentOffsets));
  const size = (await queries.partition(place))?.sizeBytes as number;
  const found: Measured[] = [];
  const run = async (question: string, ask: () => Promise<unknown>) => {
    found.push(await measure(domain, extents, question, ask));
  };
  await run('timestamp, from the start', () =>
    queries.firstExtentAtTimestamp(place, 0 as Offset, Math.floor(random.fraction() * extents * extentMs)),
  );
  await run('timestamp above all', () => queries.firstExtentAtTimestamp(place, somewhere(), extents * extentMs * 2));
  await run('size of the suffix', () => queries.offsetOfSuffix(place, 1 + Math.floor(random.fraction() * (size - 1))));
  domain.apply({ key: compactionKey(place), value: undefined });
  await run('dirty, never compacted', () => queries.compactionInfo(place, 0));
  for (const count of [1, 10]) {
    setDirtyRanges(domain, extents, count);
    await run(`dirty, ${count} range${count === 1 ? '' : 's'}`, () => queries.compactionInfo(place, 0));
  }
  await run('leveling, nothing small', () =>
    queries.levelingInfo(place, {
      extentBytesMin: 1,
      rangeBytesMax: 2 ** 30,
      from: 0 as Offset,
      rangesMax: 100,
      extentsMax: 1000,
    }),
  );
  return found;
}

const { values } = parseArgs({ options: { max: { type: 'string', default: '1000000' }, json: { type: 'string' } } });
const random = seededRandom(1);
const domain = new MemoryDomain();
const results: Measured[] = [];
const number = (value: number, width: number, digits = 0) => value.toFixed(digits).padStart(width);
console.log(`${'extents'.padStart(9)}  ${'question'.padEnd(27)}    reads     rows  rows, worst       µs`);
let there = 0;
for (let extents = 1000; extents <= Number(values.max); extents *= 10) {
  const begun = performance.now();
  await addExtents(domain, there, extents, random);
  const addMicros = ((performance.now() - begun) * 1000) / (extents - there);
  there = extents;
  for (const one of await askAll(domain, extents, random)) {
    results.push(one);
    const costs = `${number(one.readsPerQuestion, 9, 1)}${number(one.rowsPerQuestion, 9, 1)}${number(one.rowsMax, 13)}`;
    console.log(`${number(extents, 9)}  ${one.question.padEnd(27)}${costs}${number(one.micros, 9)}`);
  }
  const indexRows = domain.keys().filter((key) => key.startsWith('index/')).length;
  const share = ((indexRows / extents) * 100).toFixed(1);
  console.log(
    `${number(extents, 9)}  added at ${addMicros.toFixed(1)} µs an extent; ${indexRows} index rows, ${share} % of the extents`,
  );
}
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify({ results }, undefined, 2)}\n`);
