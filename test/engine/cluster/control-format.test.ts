// The rows of the control domain: they come back as they were, damage is noticed, newer versions are refused.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { clusterEpoch, topicId } from '../../../src/engine/base/ids.ts';
import {
  decodeBrokerConfigRow,
  decodeCounterRow,
  decodeDeletedTopicRow,
  decodeTopicRow,
  deletedTopicKey,
  encodeBrokerConfigRow,
  encodeCounterRow,
  encodeDeletedTopicRow,
  encodeTopicRow,
  topicKey,
} from '../../../src/engine/cluster/control-format.ts';

const id = topicId('6f1c2a34-5b6d-4e7f-8a9b-0c1d2e3f4a5b');
const example = {
  id,
  name: 'orders',
  createdMs: 1_700_000_000_000,
  configs: new Map([['cleanup.policy', 'compact']]),
  creationEpochs: [3, 3, 7].map(clusterEpoch),
};

describe('topic rows', () => {
  test('round trip', () => {
    const text = fc.string({ maxLength: 20 });
    const row = fc.record({
      name: text,
      createdMs: fc.nat(),
      configs: fc.array(fc.tuple(text, text)).map((entries) => new Map(entries)),
      creationEpochs: fc.array(fc.integer({ min: 0, max: 5 }).map(clusterEpoch), { maxLength: 40 }),
    });
    fc.assert(
      fc.property(row, (fields) => {
        const decoded = decodeTopicRow(topicKey(id), encodeTopicRow({ id, ...fields }));
        expect(decoded).toEqual({ id, ...fields });
      }),
    );
  });

  test('the worked example of docs/formats/control.md', () => {
    expect(encodeTopicRow(example).toString('hex')).toBe(
      '01066f72646572730000018bcfe56800010e636c65616e75702e706f6c69637907636f6d70616374020200000000000000030100000000000000' +
        '07',
    );
  });

  test('ten thousand partitions made together are few bytes', () => {
    const creationEpochs = Array.from({ length: 10_000 }, () => clusterEpoch(1));
    expect(encodeTopicRow({ ...example, creationEpochs }).length).toBeLessThan(80);
  });

  test('cut anywhere, or with bytes behind it, it is refused', () => {
    const bytes = encodeTopicRow(example);
    for (let length = 0; length < bytes.length; length++) {
      expect(() => decodeTopicRow(topicKey(id), bytes.subarray(0, length))).toThrow();
    }
    expect(() => decodeTopicRow(topicKey(id), Buffer.concat([bytes, Buffer.alloc(1)]))).toThrow(/behind the end/);
  });
});

test('a newer version is refused by name', () => {
  const bytes = encodeTopicRow(example);
  bytes[0] = 2;
  expect(() => decodeTopicRow(topicKey(id), bytes)).toThrow(expect.objectContaining({ code: 'unsupported-format' }));
});

test('counters and settings come back', () => {
  expect(decodeCounterRow('k', encodeCounterRow(Number.MAX_SAFE_INTEGER))).toBe(Number.MAX_SAFE_INTEGER);
  expect(decodeBrokerConfigRow('k', encodeBrokerConfigRow('größe'))).toBe('größe');
});

describe('rows of deleted topics', () => {
  const row = { id, name: 'orders', deletedMs: 1_700_000_000_000 };

  test('come back, and look as docs/formats/control.md says', () => {
    const bytes = encodeDeletedTopicRow(row);
    expect(bytes.toString('hex')).toBe('01066f72646572730000018bcfe56800');
    expect(decodeDeletedTopicRow(deletedTopicKey(id), bytes)).toEqual(row);
  });

  test('cut anywhere are refused', () => {
    const bytes = encodeDeletedTopicRow(row);
    for (let length = 0; length < bytes.length; length++) {
      expect(() => decodeDeletedTopicRow(deletedTopicKey(id), bytes.subarray(0, length))).toThrow();
    }
  });
});
