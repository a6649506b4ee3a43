// Fetches and decodes the tail of a table: footer, facts, index and filter, in one ranged read when a good guess of its size is
// made, else in two.

import { hasCode } from '../../base/errors.ts';
import { damage, type ObjectRange } from '../block/object-damage.ts';
import type { TableSource } from '../io/table-storage.ts';
import { BlockIndex } from './block-index.ts';
import { BloomFilter } from './bloom-filter.ts';
import { decodeFacts, decodeFooter, footerBytes, type TableFacts, type TableSections } from './table-format.ts';

/** Read first when nothing is known of the table but its size. */
export const tailGuessBytes = 64 * 1024;

export interface TableTail {
  readonly facts: TableFacts;
  readonly index: BlockIndex;
  readonly filter: BloomFilter;
}

type Read = (start: number, length: number) => Buffer | Promise<Buffer>;

/** The sections behind the blocks, still in bytes. */
export interface TailBytes {
  readonly sections: TableSections;
  readonly filter: Section;
  readonly index: Section;
  readonly facts: Section;
}

interface Section {
  readonly bytes: Buffer;
  readonly range: ObjectRange;
}

/**
 * What does not decode, or `check` refuses, is fetched once more from the object itself. Rejects with `corrupt-object` or
 * `unsupported-format`.
 */
export async function readTail(
  source: TableSource,
  guessBytes: number,
  check: (tail: TableTail) => void = () => {},
): Promise<TableTail> {
  const fetchChecked = async (read: Read): Promise<TableTail> => {
    const tail = decodeTail(await fetchTail(source, guessBytes, read));
    check(tail);
    return tail;
  };
  try {
    return await fetchChecked((start, length) => source.read(start, length));
  } catch (error) {
    if (!hasCode(error, 'corrupt-object', 'unsupported-format')) throw error;
    return await fetchChecked((start, length) => source.readAgain(start, length));
  }
}

function decodeTail({ sections, filter, index, facts }: TailBytes): TableTail {
  const tail = {
    facts: decodeFacts(facts.bytes, facts.range.start + facts.range.length + footerBytes, facts.range),
    index: BlockIndex.decode(index.bytes, sections.dataBytes, index.range),
    filter: BloomFilter.decode(Buffer.from(filter.bytes), filter.range),
  };
  // A look-up behind the last boundary would not even fetch the block that has the row.
  if (tail.index.boundary(tail.index.count - 1).key < tail.facts.largest)
    throw damage('index', index.range, 'ends before the largest key of its table');
  return tail;
}

export async function fetchTail({ key, sizeBytes }: TableSource, guessBytes: number, read: Read): Promise<TailBytes> {
  const guessed = Math.min(sizeBytes, Math.max(guessBytes, footerBytes));
  let bytes = guessed === 0 ? Buffer.alloc(0) : await read(sizeBytes - guessed, guessed);
  const sections = decodeFooter(bytes.subarray(Math.max(0, bytes.length - footerBytes)), sizeBytes, key);
  const missing = sizeBytes - guessed - sections.dataBytes;
  if (missing > 0) bytes = Buffer.concat([await read(sections.dataBytes, missing), bytes]);
  let end = bytes.length - footerBytes;
  const section = (length: number): Section => {
    end -= length;
    const start = sizeBytes - bytes.length + end;
    return { bytes: bytes.subarray(end, end + length), range: { key, start, length } };
  };
  const facts = section(sections.factsBytes);
  const index = section(sections.indexBytes);
  const filter = section(sections.filterBytes);
  return { sections, filter, index, facts };
}
