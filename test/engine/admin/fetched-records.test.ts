// What a fetch brought is taken apart: whole batches only, the records asked for only, and nothing that is damaged.

import { describe, expect, it } from 'vitest';
import { decodeBatches } from '../../../src/engine/admin/fetched-records.ts';
import { encodeBatch } from '../../../src/engine/records/build-batch-format.ts';
import { batchHeaderBytes, computeBatchCrc } from '../../../src/engine/records/record-batch-format.ts';

const options = { topic: 'orders', partition: 3, from: 0, until: 1_000 };
const values = (bytes: Buffer, wanted = options) =>
  decodeBatches(bytes, wanted).records.map(({ value }) => value?.toString());
const batchOf = (baseOffset: number, ...texts: string[]) =>
  encodeBatch(
    texts.map((text) => ({ value: Buffer.from(text) })),
    { baseOffset },
  );

/** A batch whose records are not what they say, under a checksum that is right. */
function damagedInside(): Buffer {
  const batch = batchOf(0, 'a');
  batch.writeUInt8(batch.readUInt8(batchHeaderBytes) + 20, batchHeaderBytes);
  batch.writeUInt32BE(computeBatchCrc(batch), 17);
  return batch;
}

describe('fetched batches', () => {
  it('give offset, time, key, value and headers of each record', () => {
    const record = {
      key: null,
      value: Buffer.from('v'),
      headers: [{ name: 'source', value: Buffer.from('test') }],
    };
    const batch = encodeBatch(
      [
        { ...record, timestamp: 1_000 },
        { ...record, headers: [], timestamp: 990 },
      ],
      { baseOffset: 40 },
    );
    expect(decodeBatches(batch, options)).toEqual({
      records: [
        { ...record, offset: 40, timestamp: 1_000 },
        { ...record, headers: [], offset: 41, timestamp: 990 },
      ],
      next: 42,
    });
  });

  it('give the time of the log where the topic says so', () => {
    const batch = encodeBatch([{ timestamp: 1 }, { timestamp: 2 }], { logAppendTime: true });
    expect(decodeBatches(batch, options).records.map(({ timestamp }) => timestamp)).toEqual([2, 2]);
  });

  it('leave out what was not asked for, and a batch that is cut off', () => {
    const bytes = Buffer.concat([batchOf(0, 'a', 'b'), batchOf(2, 'c', 'd'), batchOf(4, 'e').subarray(0, 65)]);
    expect(values(bytes, { ...options, from: 1, until: 3 })).toEqual(['b', 'c']);
    expect(decodeBatches(bytes, options).next).toBe(4);
  });

  it('pass over what is for readers of transactions only', () => {
    expect(decodeBatches(encodeBatch([{}], { baseOffset: 7, control: true }), options)).toEqual({
      records: [],
      next: 8,
    });
  });

  it('are refused when they are damaged, naming the partition', () => {
    const flipped = batchOf(0, 'a');
    flipped.writeUInt8(flipped.readUInt8(flipped.length - 2) ^ 1, flipped.length - 2);
    for (const bytes of [flipped, damagedInside(), batchOf(0, 'a').subarray(0, 30)]) {
      expect(() => decodeBatches(bytes, options)).toThrow(
        expect.objectContaining({ code: 'corrupt-batch', message: expect.stringContaining('orders-3 near offset 0') }),
      );
    }
  });
});
