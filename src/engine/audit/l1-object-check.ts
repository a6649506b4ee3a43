// Checks the body of an L1 object: every chunk against its CRC32C, every batch against its own, and what the sections say of their
// batches. Reads a few megabytes at a time, whatever the size of the object.
//
// Where the footer is lost the batches are gone over as they lie, from the beginning of the object to where no batch follows.

import { crc32c } from '../base/checksum.ts';
import type { L1FooterChunk, L1FooterSection } from '../l1/l1-object-format.ts';
import {
  batchHeaderBytes,
  computeBatchCrc,
  readBatchCrc,
  readBatchFacts,
  readBatchSize,
  readMagic,
} from '../records/record-batch-format.ts';
import type { ObjectStore } from '../store/object-store.ts';
import { hex, type L1Finding, type L1Inspection, type L1Picture, readBytes } from './l1-inspection.ts';

export interface L1CheckStep {
  readonly findings: readonly L1Finding[];
  /** Of what was checked in this step. */
  readonly bytes: number;
  readonly chunks: number;
  readonly batches: number;
  readonly records: number;
}

const readBytesMax = 8 * 1024 * 1024;
/** A chunk has about 1 MiB, or one batch that is larger. */
const chunkBytesMax = 256 * 1024 * 1024;

/** `partition` undefined: all. */
export async function* checkL1Object(
  store: ObjectStore,
  { info, picture, footerPosition }: L1Inspection,
  partition: number | undefined,
): AsyncGenerator<L1CheckStep> {
  const body: Body = { store, key: info.key, endsAt: footerPosition ?? info.sizeBytes };
  if (picture === undefined) {
    yield* checkWithoutFooter(body);
    return;
  }
  for (let at = 0; at < picture.sectionCount; at++) {
    const section = picture.section(at);
    if (partition === undefined || section.partition === partition) yield* checkSection(body, picture, section, at);
  }
}

interface Body {
  readonly store: ObjectStore;
  readonly key: string;
  /** Where no batch can lie any more. */
  readonly endsAt: number;
}

interface Counted {
  batches: number;
  records: number;
  maxTimestamp: number;
  /** Behind the last offset so far. */
  next: number;
  /** Some of its batches could not be read, so its counts say nothing. */
  broken: boolean;
}

async function* checkSection(
  body: Body,
  picture: L1Picture,
  section: L1FooterSection,
  number: number,
): AsyncGenerator<L1CheckStep> {
  const counted: Counted = { batches: 0, records: 0, maxTimestamp: -1, next: section.baseOffset, broken: false };
  const end = Math.min(picture.chunkCount, section.firstChunk + section.chunkCount);
  for (let first = section.firstChunk; first < end; ) {
    const chunks = chunksOfRead(picture, first, end);
    const { position } = chunks[0] as L1FooterChunk;
    const last = chunks.at(-1) as L1FooterChunk;
    const place = placeProblem(body, position, last.position + last.length);
    if (place !== undefined) {
      counted.broken = true;
      yield { ...nothing, findings: [{ ...at(`chunk ${first}`, position, last.length), problem: place }] };
    } else {
      const bytes = await readBytes(body.store, body.key, position, last.position + last.length);
      for (const [index, chunk] of chunks.entries()) {
        const from = chunk.position - position;
        yield checkChunk(bytes.subarray(from, from + chunk.length), chunk, first + index, section, counted);
      }
    }
    first += chunks.length;
  }
  const problem = countProblem(section, counted);
  if (problem === undefined) return;
  yield { ...nothing, findings: [{ ...at(`section ${number}`, section.position, section.length), problem }] };
}

/** Chunks that lie one behind the other and are read at once; at least one. */
function chunksOfRead(picture: L1Picture, first: number, end: number): L1FooterChunk[] {
  const chunks = [picture.chunk(first)];
  let bytes = chunks[0]?.length ?? 0;
  for (let number = first + 1; number < end; number++) {
    const chunk = picture.chunk(number);
    if (!(chunk.length > 0) || !(bytes > 0) || bytes + chunk.length > readBytesMax) break;
    chunks.push(chunk);
    bytes += chunk.length;
  }
  return chunks;
}

/** Only of a footer that is not to be trusted. */
function placeProblem({ endsAt }: Body, start: number, end: number): string | undefined {
  if (start >= 0 && end > start && end <= endsAt && end - start <= Math.max(readBytesMax, chunkBytesMax))
    return undefined;
  return `is said to lie from byte ${start} to ${end}, which cannot be; it was not checked`;
}

function checkChunk(
  bytes: Buffer,
  chunk: L1FooterChunk,
  number: number,
  section: L1FooterSection,
  counted: Counted,
): L1CheckStep {
  const findings: L1Finding[] = [];
  const part = `chunk ${number}`;
  const place = at(part, chunk.position, chunk.length);
  const actual = crc32c(bytes);
  if (actual !== chunk.crc) {
    const [expected, found] = [hex(chunk.crc), hex(actual)];
    const problem = `its CRC32C is ${found}, the footer says ${expected}`;
    findings.push({ ...place, problem, expected, actual: found });
  }
  const before = { ...counted };
  let greatest = -1;
  for (let from = 0; from < bytes.length; ) {
    const batch = batchAt(bytes, from);
    const where = at(part, chunk.position + from, batch.length);
    if (batch.problem !== undefined) {
      findings.push({ ...where, problem: batch.problem, ...batch.checksums });
      counted.broken = true;
    }
    if (!batch.goesOn) break;
    const order = orderProblem(bytes, from, section, counted.next, from === 0 ? chunk.baseOffset : undefined);
    if (order !== undefined) findings.push({ ...where, problem: order });
    const { baseOffset, lastOffsetDelta, count, maxTimestamp } = readBatchFacts(bytes, from);
    counted.batches++;
    counted.records += Math.max(0, count);
    counted.next = Math.max(counted.next, baseOffset + lastOffsetDelta + 1);
    greatest = Math.max(greatest, maxTimestamp);
    from += batch.length;
  }
  counted.maxTimestamp = Math.max(counted.maxTimestamp, greatest);
  if (!counted.broken && greatest !== chunk.maxTimestamp) {
    const problem = `its greatest timestamp is ${greatest}, the footer says ${chunk.maxTimestamp}`;
    findings.push({ ...place, problem, expected: chunk.maxTimestamp, actual: greatest });
  }
  return {
    findings,
    bytes: bytes.length,
    chunks: 1,
    batches: counted.batches - before.batches,
    records: counted.records - before.records,
  };
}

interface FoundBatch {
  readonly length: number;
  readonly problem?: string;
  readonly checksums?: { readonly expected: string; readonly actual: string };
  /** False: where the next one begins is not known. */
  readonly goesOn: boolean;
}

function batchAt(bytes: Buffer, from: number): FoundBatch {
  const left = bytes.length - from;
  if (left < batchHeaderBytes) {
    return { length: left, problem: `${left} bytes are too few for a record batch`, goesOn: false };
  }
  const length = readBatchSize(bytes, from);
  if (readMagic(bytes, from) !== 2 || length < batchHeaderBytes || length > left) {
    const says = `magic ${readMagic(bytes, from)}, ${length} bytes where ${left} are left`;
    return { length: left, problem: `no record batch begins here: ${says}; the rest was not checked`, goesOn: false };
  }
  const expected = hex(readBatchCrc(bytes, from));
  const actual = hex(computeBatchCrc(bytes.subarray(from, from + length)));
  if (actual === expected) return { length, goesOn: true };
  const problem = `the CRC32C of the batch is ${actual}, its header says ${expected}`;
  return { length, problem, checksums: { expected, actual }, goesOn: true };
}

function orderProblem(
  bytes: Buffer,
  from: number,
  section: L1FooterSection,
  next: number,
  chunkBase: number | undefined,
): string | undefined {
  const { baseOffset, lastOffsetDelta } = readBatchFacts(bytes, from);
  const lastOffset = baseOffset + lastOffsetDelta;
  if (chunkBase !== undefined && baseOffset !== chunkBase) {
    return `the batch begins at offset ${baseOffset}, the index says ${chunkBase}`;
  }
  if (!(baseOffset >= next && lastOffset >= baseOffset)) {
    return `the batch holds offsets ${baseOffset} to ${lastOffset}, at least ${next} was expected`;
  }
  if (lastOffset <= section.lastOffset) return undefined;
  return `the batch ends at offset ${lastOffset}, behind its section, which ends at ${section.lastOffset}`;
}

function countProblem(section: L1FooterSection, counted: Counted): string | undefined {
  if (counted.broken) return undefined;
  const { batchCount, recordCount, maxTimestamp } = section;
  if (counted.batches !== batchCount || counted.records !== recordCount) {
    const says = `the footer says ${batchCount} with ${recordCount}`;
    return `has ${counted.batches} batches with ${counted.records} records, ${says}`;
  }
  // Where no record has a timestamp, a section counts with one that it was given.
  if (counted.maxTimestamp < 0 || counted.maxTimestamp === maxTimestamp) return undefined;
  return `its greatest timestamp is ${counted.maxTimestamp}, the footer says ${maxTimestamp}`;
}

async function* checkWithoutFooter({ store, key, endsAt }: Body): AsyncGenerator<L1CheckStep> {
  let wanted = readBytesMax;
  for (let position = 0; position < endsAt; ) {
    const bytes = await readBytes(store, key, position, Math.min(endsAt, position + wanted));
    let from = 0;
    let [batches, records] = [0, 0];
    for (; from < bytes.length; ) {
      const { length, problem, goesOn } = batchAt(bytes, from);
      if (!goesOn || problem !== undefined) break;
      batches++;
      records += Math.max(0, readBatchFacts(bytes, from).count);
      from += length;
    }
    position += from;
    yield { findings: [], bytes: from, chunks: 0, batches, records };
    if (from > 0) {
      wanted = readBytesMax;
      continue;
    }
    // A batch may be larger than what was read; then its header says so.
    const length = bytes.length < batchHeaderBytes ? 0 : readBatchSize(bytes);
    if (length > wanted && length <= chunkBytesMax && position + length <= endsAt) {
      wanted = length;
      continue;
    }
    const problem = `no whole record batch begins at byte ${position}: here the footer may have begun`;
    yield { ...nothing, findings: [{ ...at('object', position, endsAt - position), problem }] };
    return;
  }
}

const nothing = { bytes: 0, chunks: 0, batches: 0, records: 0 };

const at = (part: string, start: number, length: number) => ({ part, start, length, expected: null, actual: null });
