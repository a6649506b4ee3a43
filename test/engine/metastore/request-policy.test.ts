// What is wrong with a request whatever the metastore holds: a table of one mistake each.

import { describe, expect, test } from 'vitest';
import { offset, term, timestampMs } from '../../../src/engine/base/ids.ts';
import type { AddObjectsRequest, PartitionAddition } from '../../../src/engine/metastore/metastore-requests.ts';
import {
  checkAddition,
  checkCompaction,
  checkNewObjects,
  intervalsOf,
} from '../../../src/engine/metastore/request-policy.ts';
import { addition, compaction, extent, object, range } from './metastore-requests.ts';

const producer = {
  producerId: 1,
  producerEpoch: 0,
  usedAtMs: timestampMs(1),
  batches: [{ firstSequence: 0, lastSequence: 9, baseOffset: offset(0) }],
};
const good = addition([extent(0, 9), extent(20, 29)], {
  emptyRanges: [range(10, 19)],
  terms: [1, 2].map((one) => ({ term: term(one), startOffset: offset((one - 1) * 5) })),
  producers: [producer],
});
const request = (change: Partial<PartitionAddition>, more: Partial<AddObjectsRequest> = {}): AddObjectsRequest => ({
  objects: [object(1)],
  partitions: [{ ...good, ...change }],
  ...more,
});
const terms = (...starts: [number, number][]) => ({
  terms: starts.map(([one, start]) => ({ term: one as never, startOffset: start as never })),
});

test('a sound addition is one interval', () => {
  expect(checkAddition(request({}))).toEqual([expect.objectContaining({ baseOffset: 0, lastOffset: 29 })]);
});

describe('an addition is refused with', () => {
  test.each<[string, AddObjectsRequest]>([
    ['no partitions', request({}, { partitions: [] })],
    ['an object twice', request({}, { objects: [object(1), object(1)] })],
    ['an object id that is none', request({}, { objects: [object(1, { objectId: 'x' })] })],
    ['a footer behind the end', request({}, { objects: [object(1, { footerPosition: 2_000_000 })] })],
    ['a partition twice', request({}, { partitions: [good, good] })],
    ['a topic id that is none', request({ topicId: 'orders' as never })],
    ['a negative partition', request({ partition: -1 })],
    ['nothing added', request({ extents: [], emptyRanges: [] })],
    ['a gap', request({ emptyRanges: [range(10, 18)] })],
    ['an overlap', request({ emptyRanges: [range(9, 19)] })],
    ['an inverted range', request({ emptyRanges: [{ baseOffset: offset(19), lastOffset: offset(10) }] })],
    [
      'an offset that is no safe integer',
      request({ emptyRanges: [range(10, 19), range(30, Number.MAX_SAFE_INTEGER)] }),
    ],
    ['an extent of another object', request({ extents: [extent(0, 9), extent(20, 29, 2)] })],
    ['an extent without bytes', request({ extents: [extent(0, 9, 1, { length: 0 }), extent(20, 29)] })],
    ['an extent beyond its object', request({ extents: [extent(0, 9, 1, { position: 999_950 }), extent(20, 29)] })],
    ['a timestamp below −1', request({ extents: [extent(0, 9, 1, { maxTimestamp: -2 as never }), extent(20, 29)] })],
    ['no terms', request(terms())],
    ['a first term that begins elsewhere', request(terms([1, 1]))],
    ['terms that go down', request(terms([2, 0], [1, 5]))],
    ['terms that begin together', request(terms([1, 0], [2, 0]))],
    ['a term behind the last offset', request(terms([1, 0], [2, 30]))],
    ['a term that is no number', request(terms([Number.NaN, 0]))],
    ['a producer without batches', request({ producers: [{ ...producer, batches: [] }] })],
    [
      'a producer with six batches',
      request({ producers: [{ ...producer, batches: Array(6).fill(producer.batches[0]) }] }),
    ],
    ['a negative producer id', request({ producers: [{ ...producer, producerId: -1 }] })],
    [
      'a batch of a producer above the end',
      request({ producers: [{ ...producer, batches: [{ ...producer.batches[0]!, baseOffset: offset(30) }] }] }),
    ],
    ['a forgotten producer that is none', request({ forgottenProducers: [-1] })],
  ])('%s', (_, wrong) => {
    expect(() => checkAddition(wrong)).toThrow(expect.objectContaining({ code: 'usage' }));
  });

  test('more rows than any entry of the log holds', () => {
    const extents = Array.from({ length: 20_000 }, (_, at) => extent(at, at));
    const wrong = request({ extents, emptyRanges: [] });
    expect(() => checkAddition(wrong)).toThrow(expect.objectContaining({ code: 'entry-too-large' }));
  });
});

test('a replacement may have gaps: each stretch is an interval', () => {
  const one = compaction([extent(0, 9), extent(10, 19), extent(40, 49)], { emptyRanges: [range(50, 59)] });
  checkNewObjects([object(1)], [one]);
  expect(intervalsOf(one).map(({ baseOffset, lastOffset }) => [baseOffset, lastOffset])).toEqual([
    [0, 19],
    [40, 59],
  ]);
});

test('a compaction is refused with an inverted range or no time', () => {
  const inverted = { baseOffset: offset(9), lastOffset: offset(0) };
  expect(() => checkCompaction(compaction([], { removedTombstoneRanges: [inverted] }))).toThrow(/not a range/);
  expect(() => checkCompaction(compaction([], { cleanedAtMs: Number.NaN as never }))).toThrow(/cleaned at/);
});
