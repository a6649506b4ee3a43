// A metastore row as a plain object that can be printed as JSON, with its kind first: what `metastore scan` and `get` show.
// Throws what the row's decoder throws; the key alone can then still be shown.

import { decodeCompactionRow } from './compaction-row-format.ts';
import { decodeEmptyRangeRow, decodeExtentRow, decodeTermRow } from './extent-row-format.ts';
import { parseMetastoreKey } from './metastore-key-format.ts';
import { decodeObjectRow, decodeRemovedTopicRow } from './object-row-format.ts';
import { decodePartitionRow } from './partition-row-format.ts';
import { decodeProducerRow } from './producer-row-format.ts';
import { decodeSummaryRow } from './summary-row-format.ts';

const decoders = {
  partition: decodePartitionRow,
  extent: decodeExtentRow,
  empty: decodeEmptyRangeRow,
  term: decodeTermRow,
  compaction: decodeCompactionRow,
  producer: decodeProducerRow,
  index: decodeSummaryRow,
  object: decodeObjectRow,
  removed: decodeRemovedTopicRow,
} as const;

export interface MetastoreRowView {
  readonly kind: keyof typeof decoders;
  readonly [field: string]: unknown;
}

export function describeMetastoreRow(key: string, value: Uint8Array): MetastoreRowView {
  const { kind } = parseMetastoreKey(key);
  return { kind, ...decoders[kind](key, value) };
}
