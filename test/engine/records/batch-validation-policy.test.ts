import { describe, expect, it } from 'vitest';
import { EngineError } from '../../../src/engine/base/errors.ts';
import { type BatchRules, validateBatch } from '../../../src/engine/records/batch-validation-policy.ts';
import {
  computeBatchCrc,
  patchPlace,
  patchTimestampType,
  readBatchCrc,
  readBatchFacts,
} from '../../../src/engine/records/record-batch-format.ts';
import { makeBatch } from '../../support/record-batches.ts';

const nowMs = 1_700_000_000_000;
const rules: BatchRules = {
  messageBytesMax: 1000,
  timestampBeforeMaxMs: Number.POSITIVE_INFINITY,
  timestampAfterMaxMs: 3_600_000,
  logAppendTime: false,
  compacted: false,
};

/** Changes bytes and mends the checksum, so that only the change is judged. */
function altered(change: (bytes: Buffer) => void): Buffer {
  const bytes = makeBatch({ payload: 'payload', producerId: 1, producerEpoch: 0, baseSequence: 0 });
  change(bytes);
  bytes.writeUInt32BE(computeBatchCrc(bytes), 17);
  return bytes;
}

function verdict(bytes: Buffer, with_: Partial<BatchRules> = {}): string {
  try {
    validateBatch(bytes, { ...rules, ...with_ }, nowMs);
    return 'ok';
  } catch (error) {
    if (error instanceof EngineError) return error.code;
    throw error;
  }
}

describe('a produced batch', () => {
  it.each([
    ['as producers send it', altered(() => {}), 'ok'],
    ['too short for a header', Buffer.alloc(60), 'corrupt-batch'],
    ['of magic 1', altered((bytes) => bytes.writeInt8(1, 16)), 'unsupported-message-format'],
    ['that claims more bytes than were sent', altered((bytes) => bytes.writeInt32BE(10_000, 8)), 'corrupt-batch'],
    ['that claims a negative length', altered((bytes) => bytes.writeInt32BE(-20, 8)), 'corrupt-batch'],
    [
      'followed by another',
      Buffer.concat([makeBatch({ payload: 'a' }), makeBatch({ payload: 'b' })]),
      'invalid-record',
    ],
    ['larger than the topic allows', makeBatch({ payload: 'x'.repeat(1000) }), 'message-too-large'],
    ['without records', altered((bytes) => bytes.writeInt32BE(0, 57)), 'invalid-record'],
    ['whose count does not match its offsets', altered((bytes) => bytes.writeInt32BE(3, 23)), 'invalid-record'],
    ['with a codec of the future', altered((bytes) => bytes.writeInt16BE(5, 21)), 'unsupported-codec'],
    ['that pretends to be a control batch', altered((bytes) => bytes.writeInt16BE(0x20, 21)), 'invalid-record'],
    ['of a transaction', altered((bytes) => bytes.writeInt16BE(0x10, 21)), 'invalid-record'],
    ['with a producer id but no sequence', altered((bytes) => bytes.writeInt32BE(-1, 53)), 'invalid-record'],
    ['with a producer id below −1', altered((bytes) => bytes.writeBigInt64BE(-2n, 43)), 'invalid-record'],
    ['with a timestamp below −1', altered((bytes) => bytes.writeBigInt64BE(-5n, 35)), 'invalid-timestamp'],
    ['from too far in the future', makeBatch({ payload: 'x', timestampMs: nowMs + 3_600_001 }), 'invalid-timestamp'],
    ['from the past', makeBatch({ payload: 'x', timestampMs: 5 }), 'ok'],
  ])('%s', (_, bytes, expected) => {
    expect(verdict(bytes)).toBe(expected);
  });

  it('from too far in the past is refused where the topic says so', () => {
    expect(verdict(makeBatch({ payload: 'x', timestampMs: nowMs - 11 }), { timestampBeforeMaxMs: 10 })).toBe(
      'invalid-timestamp',
    );
  });

  it('may carry any time where the broker sets its own', () => {
    expect(verdict(makeBatch({ payload: 'x', timestampMs: nowMs * 2 }), { logAppendTime: true })).toBe('ok');
  });

  it('shows any flipped bit that its checksum covers', () => {
    const good = makeBatch({ payload: 'payload' });
    for (let at = 16; at < good.length; at++) {
      for (let bit = 0; bit < 8; bit++) {
        const damaged = Buffer.from(good);
        damaged[at] = (damaged[at] as number) ^ (1 << bit);
        expect(verdict(damaged), `byte ${at}, bit ${bit}`).not.toBe('ok');
      }
    }
  });
});

describe('giving a batch its place', () => {
  it('leaves the checksum alone', () => {
    const bytes = makeBatch({ payload: 'x' });
    const before = readBatchCrc(bytes);
    patchPlace(bytes, 2 ** 40 + 3, 9);
    expect(readBatchFacts(bytes).baseOffset).toBe(2 ** 40 + 3);
    expect(computeBatchCrc(bytes)).toBe(before);
  });

  it('renews the checksum when the broker sets the time', () => {
    const bytes = makeBatch({ payload: 'x' });
    patchTimestampType(bytes, 42);
    expect(readBatchFacts(bytes)).toMatchObject({ maxTimestamp: 42, attributes: 8 });
    expect(readBatchCrc(bytes)).toBe(computeBatchCrc(bytes));
    patchTimestampType(bytes, undefined);
    expect(readBatchFacts(bytes).attributes).toBe(0);
  });
});
