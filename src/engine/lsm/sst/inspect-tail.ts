// The inspection of a table's tail: every section for itself, so that one that is damaged does not hide the others.

import { checkSum } from '../block/object-damage.ts';
import type { TableSource } from '../io/table-storage.ts';
import { BlockIndex } from './block-index.ts';
import { BloomFilter } from './bloom-filter.ts';
import { noting, type TableFinding } from './table-finding.ts';
import {
  checkFooterSum,
  checkFooterVersion,
  decodeFactsUnchecked,
  decodeFooterUnchecked,
  footerBytes,
  footerRange,
  type TableFacts,
  type TableSections,
} from './table-format.ts';

/** What is undefined could not be decoded. */
export interface InspectedTail {
  readonly sections: TableSections | undefined;
  /** What the table states of itself. */
  readonly facts: TableFacts | undefined;
  readonly index: BlockIndex | undefined;
  readonly filter: BloomFilter | undefined;
}

const nothing: InspectedTail = { sections: undefined, facts: undefined, index: undefined, filter: undefined };

export async function inspectTail(source: TableSource, findings: TableFinding[]): Promise<InspectedTail> {
  const { key, sizeBytes } = source;
  const length = Math.min(sizeBytes, footerBytes);
  const footer = length === 0 ? Buffer.alloc(0) : await source.read(sizeBytes - length, length);
  const range = footerRange(footer, sizeBytes, key);
  const sections = noting(findings, 'table footer', () => {
    checkFooterVersion(footer, range);
    noting(findings, 'table footer', () => checkFooterSum(footer, range));
    return decodeFooterUnchecked(footer, range);
  });
  if (sections === undefined) return nothing;

  const { dataBytes, filterBytes, indexBytes, factsBytes } = sections;
  const tail = await source.read(dataBytes, sizeBytes - dataBytes);
  const section = <T>(what: string, start: number, bytes: number, decode: (of: Buffer, at: typeof range) => T) => {
    const at = { key, start: dataBytes + start, length: bytes };
    const of = tail.subarray(start, start + bytes);
    noting(findings, what, () => checkSum(of, what, at));
    return noting(findings, what, () => decode(of, at));
  };
  // A filter that is damaged would deny keys at random, so it is not looked at without its checksum.
  const before = findings.length;
  const decoded = section('bloom filter', 0, filterBytes, (bytes, at) => BloomFilter.decodeUnchecked(bytes, at));
  const filter = findings.length === before ? decoded : undefined;
  const index = section('index', filterBytes, indexBytes, (bytes, at) =>
    BlockIndex.decodeUnchecked(bytes, dataBytes, at),
  );
  const facts = section('table facts', filterBytes + indexBytes, factsBytes, (bytes, at) =>
    decodeFactsUnchecked(bytes, sizeBytes, at),
  );
  return { sections, facts, index, filter };
}
