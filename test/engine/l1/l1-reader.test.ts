// What a consumer gets of history: whole batches from an offset on, past everything that compaction left empty.

import { describe, expect, it } from 'vitest';
import { offset } from '../../../src/engine/base/ids.ts';
import { readBaseOffset } from '../../../src/engine/records/record-batch-format.ts';
import { batchesFrom, batchOf, L1Stage, mebibyte, offsetsOf, read, readOffsets, topic } from './l1-stage.ts';

const of = { topicId: topic, partition: 0 };
const range = (from: number, until: number) => Array.from({ length: until - from }, (_, at) => from + at);

describe('a read of history', () => {
  it('gives whole batches as they lie, from the one that holds the offset on', async () => {
    const stage = new L1Stage();
    const batches = [batchOf(0, 100, 10), batchOf(10, 200, 5), batchOf(15, 300, 1)];
    await stage.object([{ base: 0, last: 15, batches }]);
    await using reader = stage.reader();
    using got = await read(reader, { from: 12 });
    expect(Buffer.concat(got.parts)).toEqual(Buffer.concat(batches.slice(1)));
    expect(got).toMatchObject({ bytes: 500, nothingThere: false });
    expect(reader.stats().skippedBytes).toBe(100);
  });

  it('ends before the batch that begins at `until`, and gives one that only reaches beyond it', async () => {
    const stage = new L1Stage();
    await stage.object([
      { base: 0, last: 29, batches: [batchOf(0, 100, 10), batchOf(10, 100, 10), batchOf(20, 100, 10)] },
    ]);
    await using reader = stage.reader();
    expect(await readOffsets(reader, { from: 0, until: 20 })).toEqual([0, 10]);
    expect(await readOffsets(reader, { from: 0, until: 21 })).toEqual([0, 10, 20]);
    expect(await readOffsets(reader, { from: 0, until: 0 })).toEqual([]);
  });

  it('stays within `bytesMax`, but for the first batch where one must come', async () => {
    const stage = new L1Stage();
    await stage.object([{ base: 0, last: 9, batches: batchesFrom(0, 10, 1000) }]);
    await using reader = stage.reader();
    expect(await readOffsets(reader, { from: 2, bytesMax: 3999 })).toEqual([2, 3, 4]);
    expect(await readOffsets(reader, { from: 2, bytesMax: 999, atLeastOne: true })).toEqual([2]);
    using none = await read(reader, { from: 2, bytesMax: 999, atLeastOne: false });
    expect(none).toMatchObject({ bytes: 0, nothingThere: false });
  });

  it('goes on by one batch at a time where no bytes are allowed for, but one must come', async () => {
    const stage = new L1Stage();
    await stage.object([{ base: 0, last: 9, batches: batchesFrom(0, 10, 1000) }], { indexBytes: 1000 });
    await using reader = stage.reader();
    for (let from = 0; from < 10; from++) expect(await readOffsets(reader, { from, bytesMax: 0 })).toEqual([from]);
  });

  it('passes over what compaction left empty, inside extents and between them', async () => {
    const stage = new L1Stage();
    await stage.object([
      { base: 0, last: 99, batches: [batchOf(40, 100)] },
      { base: 200, last: 299, batches: [batchOf(250, 100)] },
    ]);
    await using reader = stage.reader();
    expect(await readOffsets(reader, { from: 0, bytesMax: 100 })).toEqual([40]);
    expect(await readOffsets(reader, { from: 41 })).toEqual([250]);
    expect(await readOffsets(reader, { from: 100 })).toEqual([250]);
    using none = await read(reader, { from: 41, until: 250 });
    expect(none).toMatchObject({ bytes: 0, nothingThere: true });
    using behind = await read(reader, { from: 251, until: 1000 });
    expect(behind).toMatchObject({ bytes: 0, nothingThere: true });
  });

  it('says that nothing is there where the metastore knows no extent', async () => {
    await using reader = new L1Stage().reader();
    using none = await read(reader, { from: 0 });
    expect(none).toMatchObject({ parts: [], bytes: 0, nothingThere: true });
  });

  it('reads on through sections and objects, the partition being one of many', async () => {
    const stage = new L1Stage();
    for (const base of [0, 100, 200]) {
      await stage.object(
        range(0, 20).flatMap((partition) => [
          { partition, base, last: base + 49, batches: batchesFrom(base, 50) },
          { partition, base: base + 50, last: base + 99, batches: batchesFrom(base + 50, 50) },
        ]),
      );
    }
    await using reader = stage.reader();
    const got: number[] = [];
    while (got.length < 300)
      got.push(...(await readOffsets(reader, { partition: 7, from: got.length, bytesMax: 3000 })));
    expect(got).toEqual(range(0, 300));
  });

  it('gives every batch once where extents are merged while it reads through them', async () => {
    const stage = new L1Stage();
    const old = [
      ...(await stage.object([{ base: 0, last: 9, batches: batchesFrom(0, 10) }])),
      ...(await stage.object([{ base: 10, last: 19, batches: batchesFrom(10, 10) }])),
    ];
    await using reader = stage.reader();
    expect(await readOffsets(reader, { from: 0, bytesMax: 300 })).toEqual([0, 1, 2]);
    await stage.object([{ base: 0, last: 19, batches: batchesFrom(0, 20) }], {}, old);
    // Its first extent is known as it was; what follows is found in the merged one, which holds the first once more.
    expect(await readOffsets(reader, { from: 3 })).toEqual(range(3, 20));
  });

  it('asks the metastore once per extent of a sequential reader, not once per read', async () => {
    const stage = new L1Stage();
    await stage.object([{ base: 0, last: 99, batches: batchesFrom(0, 100) }]);
    await stage.object([{ base: 100, last: 199, batches: batchesFrom(100, 100) }]);
    await using reader = stage.reader();
    for (let from = 0; from < 200; from += 5) {
      expect(await readOffsets(reader, { from, until: 200, bytesMax: 500 })).toEqual(range(from, from + 5));
    }
    expect(stage.located).toBe(2);
  });

  it('reads a random place by one exact GET of its chunk', async () => {
    const stage = new L1Stage();
    await stage.object([{ base: 0, last: 99, batches: batchesFrom(0, 100, 10_000) }], { indexBytes: 100_000 });
    await using reader = stage.reader();
    await readOffsets(reader, { from: 55, bytesMax: 20_000 });
    expect(stage.bodyGets).toMatchObject([{ range: { start: 500_000, end: 600_000 } }]);
    await readOffsets(reader, { from: 12, bytesMax: 290_000 });
    expect(stage.bodyGets.slice(1)).toMatchObject([{ range: { start: 100_000, end: 300_000 } }]);
  });

  it('serves what it has read before from memory', async () => {
    const stage = new L1Stage();
    await stage.object([{ base: 0, last: 9, batches: batchesFrom(0, 10) }]);
    await using reader = stage.reader();
    await readOffsets(reader, { from: 3 });
    const { length } = stage.gets;
    expect(await readOffsets(reader, { from: 1 })).toEqual(range(1, 10));
    expect(stage.gets.length).toBe(length);
    expect(reader.stats()).toMatchObject({ cacheHits: 1, cacheMisses: 1, reads: 1, readBytes: 1000 });
  });

  it('opens an object by one GET of exactly its footer, whoever asks', async () => {
    const stage = new L1Stage();
    const [place] = await stage.object([{ base: 0, last: 9, batches: batchesFrom(0, 10) }]);
    if (place === undefined) throw new Error('no place');
    await using reader = stage.reader();
    const footers = await Promise.all([1, 2, 3].map(() => reader.footer(place.objectId, place.object)));
    expect(footers[0]?.section(0)).toMatchObject({ partition: 0, baseOffset: 0, lastOffset: 9, batchCount: 10 });
    expect(stage.gets).toEqual([
      {
        key: expect.stringContaining(place.objectId),
        range: { start: place.object.footerPosition, end: place.object.sizeBytes },
      },
    ]);
  });

  it('gives a batch that is larger than its memory', async () => {
    const stage = new L1Stage();
    const large = batchOf(1, 3 * mebibyte);
    await stage.object([{ base: 0, last: 2, batches: [batchOf(0), large, batchOf(2)] }]);
    await using reader = stage.reader({ memoryBytesMax: mebibyte });
    using got = await read(reader, { from: 1, bytesMax: 1000 });
    expect(got.parts.length).toBe(1);
    expect(large.equals(got.parts[0] as Buffer)).toBe(true);
    expect(await readOffsets(reader, { from: 2 })).toEqual([2]);
  });

  it('is refused when its reader went away before, and after the reader of history is closed', async () => {
    const stage = new L1Stage();
    const reader = stage.reader();
    await expect(read(reader, { from: 0, signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'cancelled' });
    await reader[Symbol.asyncDispose]();
    await expect(read(reader, { from: 0 })).rejects.toMatchObject({ code: 'cancelled' });
  });
});

describe('a look-up in an extent', () => {
  it('finds the batch that holds an offset, or the first above', async () => {
    const stage = new L1Stage();
    const [place] = await stage.object(
      [{ base: 0, last: 500, batches: range(0, 50).map((at) => batchOf(at * 10, 1000, 5)) }],
      {
        indexBytes: 4000,
      },
    );
    if (place === undefined) throw new Error('no place');
    await using reader = stage.reader();
    const found = async (at: number) => {
      const batch = await reader.batchAt(of, place, offset(at));
      return batch === undefined ? undefined : readBaseOffset(batch);
    };
    expect(await found(0)).toBe(0);
    expect(await found(123)).toBe(120);
    expect(await found(125)).toBe(130);
    expect(await found(494)).toBe(490);
    expect(await found(495)).toBeUndefined();
    expect(stage.bodyGets.length).toBeLessThanOrEqual(5);
  });

  it('finds the first batch from an offset on that reaches a time, by the chunks that do', async () => {
    const stage = new L1Stage();
    const times = [5, 1, 9, 3, 3, 7, 20, 2];
    const batches = times.map((time, at) => batchOf(at, 1000, 1, time));
    const [place] = await stage.object([{ base: 0, last: 7, batches }], { indexBytes: 2000 });
    if (place === undefined) throw new Error('no place');
    await using reader = stage.reader();
    for (let from = 0; from < 8; from++) {
      for (let time = 0; time < 22; time++) {
        const expected = times.findIndex((its, at) => at >= from && its >= time);
        const batch = await reader.batchAtTimestamp(of, place, offset(from), time);
        expect(batch === undefined ? -1 : offsetsOf([batch])[0], `from ${from}, time ${time}`).toBe(expected);
      }
    }
  });
});
