// The rows of the metastore: they come back as they were, damage is noticed, newer versions are refused, and their bytes are those
// of the golden specimens, which docs/formats/metastore.md explains.

import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Incarnation, offset, type Stamp, term, timestampMs, topicId } from '../../../src/engine/base/ids.ts';
import { decodeCompactionRow, encodeCompactionRow } from '../../../src/engine/metastore/compaction-row-format.ts';
import {
  decodeEmptyRangeRow,
  decodeExtentRow,
  decodeTermRow,
  encodeEmptyRangeRow,
  encodeExtentRow,
  encodeTermRow,
} from '../../../src/engine/metastore/extent-row-format.ts';
import {
  compactionKey,
  domainOfPartition,
  emptyRangeKey,
  extentKey,
  objectKey,
  parseMetastoreKey,
  partitionKey,
  producerKey,
  removedTopicKey,
  summaryKey,
  termKey,
} from '../../../src/engine/metastore/metastore-key-format.ts';
import {
  decodeObjectRow,
  decodeRemovedTopicRow,
  encodeObjectRow,
  encodeRemovedTopicRow,
} from '../../../src/engine/metastore/object-row-format.ts';
import { decodePartitionRow, encodePartitionRow } from '../../../src/engine/metastore/partition-row-format.ts';
import { decodeProducerRow, encodeProducerRow } from '../../../src/engine/metastore/producer-row-format.ts';
import { describeMetastoreRow } from '../../../src/engine/metastore/row-view-format.ts';
import { decodeSummaryRow, encodeSummaryRow, rankOf } from '../../../src/engine/metastore/summary-row-format.ts';

const place = { topicId: topicId('6f1c2a34-5b6d-4e7f-8a9b-0c1d2e3f4a5b'), partition: 7 };
const objectId = '0192f0c1-7b1e-4c3d-9a55-3f7e11223344';
const lastStamp: Stamp = { incarnation: 1 as Incarnation, term: term(5), attempt: 2 };

const specimens = {
  partition: {
    key: partitionKey(place),
    row: {
      ...place,
      startOffset: offset(100),
      nextOffset: offset(5000),
      compactionEpoch: 3,
      sizeBytes: 1_048_576,
      extentCount: 2,
      lastStamp,
    },
    encode: encodePartitionRow,
    decode: decodePartitionRow,
  },
  extent: {
    key: extentKey(place, 100),
    row: {
      ...place,
      baseOffset: offset(100),
      lastOffset: offset(2999),
      maxTimestamp: timestampMs(1_700_000_000_000),
      objectId,
      position: 4096,
      length: 524_288,
    },
    encode: encodeExtentRow,
    decode: decodeExtentRow,
  },
  empty: {
    key: emptyRangeKey(place, 3000),
    row: { ...place, baseOffset: offset(3000), lastOffset: offset(3009) },
    encode: encodeEmptyRangeRow,
    decode: decodeEmptyRangeRow,
  },
  term: {
    key: termKey(place, 5),
    row: { ...place, term: term(5), startOffset: offset(2500) },
    encode: encodeTermRow,
    decode: decodeTermRow,
  },
  compaction: {
    key: compactionKey(place),
    row: {
      ...place,
      cleanedRanges: [{ baseOffset: offset(100), lastOffset: offset(2999) }],
      tombstoneRanges: [
        { baseOffset: offset(100), lastOffset: offset(199), cleanedAtMs: timestampMs(1_700_000_100_000) },
      ],
    },
    encode: encodeCompactionRow,
    decode: decodeCompactionRow,
  },
  producer: {
    key: producerKey(place, 4001),
    row: {
      ...place,
      producerId: 4001,
      producerEpoch: 1,
      usedAtMs: timestampMs(1_700_000_000_500),
      batches: [
        { firstSequence: 0, lastSequence: 9, baseOffset: offset(4980) },
        { firstSequence: 10, lastSequence: 19, baseOffset: offset(4990) },
      ],
    },
    encode: encodeProducerRow,
    decode: decodeProducerRow,
  },
  index: {
    key: summaryKey(place, 1, 7108),
    row: {
      ...place,
      level: 1,
      baseOffset: offset(7108),
      count: 17,
      bytes: 9_000_000,
      maxTimestamp: timestampMs(1_700_000_000_000),
      minTimestamp: timestampMs(1_699_999_000_000),
      minLength: 4096,
      maxLength: 1_000_000,
    },
    encode: encodeSummaryRow,
    decode: decodeSummaryRow,
  },
  object: {
    key: objectKey(objectId),
    row: {
      objectId,
      state: 'complete' as const,
      totalBytes: 1_048_576,
      removedBytes: 524_288,
      sizeBytes: 1_050_000,
      footerPosition: 1_049_000,
      lastUpdatedMs: timestampMs(1_700_000_200_000),
    },
    encode: encodeObjectRow,
    decode: decodeObjectRow,
  },
  removed: {
    key: removedTopicKey(place.topicId),
    row: { topicId: place.topicId, removedAtMs: timestampMs(1_700_000_300_000) },
    encode: (row: { removedAtMs: ReturnType<typeof timestampMs> }) => encodeRemovedTopicRow(row.removedAtMs),
    decode: decodeRemovedTopicRow,
  },
};

type Specimen = {
  key: string;
  row: object;
  encode: (row: never) => Buffer;
  decode: (key: string, value: Uint8Array) => object;
};
const all = Object.entries(specimens) as unknown as [keyof typeof specimens, Specimen][];

const goldenText = readFileSync(new URL('../../golden/metastore-rows-v1.hex', import.meta.url), 'utf8');
/** Hex by key. */
const golden = new Map(
  goldenText
    .split('\nkey ')
    .slice(1)
    .map((block): [string, string] => {
      const [key = '', ...lines] = block.split('\n');
      return [key, lines.map((line) => line.replace(/#.*$/, '').trim()).join('')];
    }),
);

describe.each(all)('a row of kind %s', (kind, { key, row, encode, decode }) => {
  const bytes = encode(row as never);

  test('comes back', () => {
    expect(decode(key, bytes)).toEqual(row);
    expect(parseMetastoreKey(key).kind).toBe(kind);
  });

  test('is the golden specimen', () => {
    expect(golden.get(key)).toBe(bytes.toString('hex'));
  });

  test('is refused when cut anywhere or with bytes behind it', () => {
    for (let length = 0; length < bytes.length; length++) {
      expect(() => decode(key, bytes.subarray(0, length)), `${length} bytes`).toThrow(
        expect.objectContaining({ code: expect.stringMatching(/corrupt-object|unsupported-format/) }),
      );
    }
    expect(() => decode(key, Buffer.concat([bytes, Buffer.alloc(1)]))).toThrow(
      expect.objectContaining({ code: 'corrupt-object' }),
    );
  });

  test('with any bit flipped is refused by name or is another row', () => {
    for (let at = 0; at < bytes.length * 8; at++) {
      const flipped = Buffer.from(bytes);
      flipped[at >> 3] = (flipped[at >> 3] as number) ^ (1 << (at & 7));
      let found: object | undefined;
      try {
        found = decode(key, flipped);
      } catch (error) {
        expect(error).toMatchObject({ code: expect.stringMatching(/corrupt-object|unsupported-format/) });
      }
      if (found !== undefined) expect(found).not.toEqual(row);
    }
  });

  test('of a newer version is refused', () => {
    const newer = Buffer.from(bytes);
    newer[0] = 2;
    expect(() => decode(key, newer)).toThrow(expect.objectContaining({ code: 'unsupported-format' }));
  });

  test('is shown as a plain object that JSON keeps', () => {
    const shown = describeMetastoreRow(key, bytes);
    expect(shown).toEqual({ kind, ...row });
    expect(JSON.parse(JSON.stringify(shown))).toEqual(shown);
  });

  test('is not taken for one of another kind', () => {
    const other = kind === 'extent' ? partitionKey(place) : extentKey(place, 1);
    expect(() => decode(other, bytes)).toThrow(expect.objectContaining({ code: 'corrupt-object' }));
  });
});

describe('keys', () => {
  test('order as what they mean', () => {
    const number = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
    fc.assert(
      fc.property(fc.nat(0x7fffffff), number, fc.nat(0x7fffffff), number, (p, a, q, b) => {
        const left = extentKey({ ...place, partition: p }, a);
        const right = extentKey({ ...place, partition: q }, b);
        expect(Math.sign(p - q || a - b)).toBe(left === right ? 0 : left < right ? -1 : 1);
      }),
    );
  });

  test.each([
    '',
    'extent',
    `extent/${place.topicId}`,
    `extent/${place.topicId}/0000000007/100`,
    `extent/${place.topicId}/0000000007/99999999999999999999`,
    `extent/${place.topicId}/9999999999/00000000000000000100`,
    `extent/${place.topicId.toUpperCase()}/0000000007/00000000000000000100`,
    `extents/${place.topicId}/0000000007/00000000000000000100`,
    `partition/${place.topicId}/0000000007/0`,
    `object/${objectId}/0`,
    `term/${place.topicId}/0000000007/4294967295`,
  ])('%j is damage', (key) => {
    expect(() => parseMetastoreKey(key)).toThrow(expect.objectContaining({ code: 'corrupt-object', context: { key } }));
  });
});

test('what a row says must be possible', () => {
  const inverted = { ...specimens.extent.row, lastOffset: offset(99) };
  expect(() => decodeExtentRow(specimens.extent.key, encodeExtentRow(inverted))).toThrow(/lies below the base offset/);
  const moved = { ...specimens.partition.row, startOffset: offset(5001) };
  expect(() => decodePartitionRow(specimens.partition.key, encodePartitionRow(moved))).toThrow(/above the next offset/);
  const none = { ...specimens.extent.row, length: 0 };
  expect(() => decodeExtentRow(specimens.extent.key, encodeExtentRow(none))).toThrow(/without bytes/);
});

test('the hash that spreads partitions over domains never changes', () => {
  const found = [0, 1, 2, 3, 4, 5, 6, 7].map((partition) => domainOfPartition({ ...place, partition }, 3));
  // Computed apart from this program.
  expect(found).toEqual([1, 2, 0, 0, 1, 0, 0, 1]);
});

test('which extents are posts never changes: about one in sixteen of each level', () => {
  // Computed apart from this program.
  expect([100, 7108, 12_561, 432_092, 742_566, 2_483_770].map(rankOf)).toEqual([0, 3, 3, 5, 5, 5]);
  const offsets = Array.from({ length: 100_000 }, (_, at) => at * 1000);
  const posts = [1, 2, 3].map((level) => offsets.filter((base) => rankOf(base) >= level).length);
  expect(posts).toEqual([6264, 405, 26]);
});
