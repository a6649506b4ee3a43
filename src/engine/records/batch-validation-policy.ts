// Decides whether a produced record batch may be staged. Pure: bytes and the topic's rules in, an error or the facts out.
// On the hot path only the header and the checksum are looked at; compacted topics also have every record's key checked.

import { EngineError } from '../base/errors.ts';
import { decompressSync } from './compression.ts';
import {
  type BatchFacts,
  batchHeaderBytes,
  codecOf,
  computeBatchCrc,
  isControl,
  isTransactional,
  readBaseTimestamp,
  readBatchCrc,
  readBatchFacts,
  readBatchSize,
  readMagic,
} from './record-batch-format.ts';
import { iterateRecords } from './record-format.ts';

export interface BatchRules {
  readonly messageBytesMax: number;
  /** How far a record's time may lie behind the broker's; Infinity for no limit. */
  readonly timestampBeforeMaxMs: number;
  readonly timestampAfterMaxMs: number;
  readonly logAppendTime: boolean;
  /** Records without a key are refused. */
  readonly compacted: boolean;
}

const codecMax = 4;
/** What the records of one batch may unpack to, where they are unpacked. */
const unpackedBytesMax = 256 * 1024 * 1024;

/** The facts of a batch that may be staged; throws the EngineError the producer is answered with. */
export function validateBatch(bytes: Buffer, rules: BatchRules, nowMs: number): BatchFacts {
  if (bytes.length < batchHeaderBytes) {
    throw new EngineError(
      'corrupt-batch',
      `a record batch has ${bytes.length} bytes, its header alone has ${batchHeaderBytes}`,
    );
  }
  const magic = readMagic(bytes);
  if (magic !== 2) throw new EngineError('unsupported-message-format', `record batch of magic ${magic}`);
  const size = readBatchSize(bytes);
  if (size > bytes.length || size < batchHeaderBytes) {
    throw new EngineError('corrupt-batch', `a record batch says it has ${size} bytes, ${bytes.length} were sent`);
  }
  if (size < bytes.length) {
    throw new EngineError('invalid-record', 'more than one record batch for a partition in one produce request');
  }
  if (size > rules.messageBytesMax) {
    throw new EngineError(
      'message-too-large',
      `a record batch has ${size} bytes, the topic allows ${rules.messageBytesMax}`,
    );
  }
  if (computeBatchCrc(bytes) !== readBatchCrc(bytes)) {
    throw new EngineError('corrupt-batch', 'the CRC32C of a record batch does not match');
  }
  const facts = readBatchFacts(bytes);
  checkFields(facts);
  if (!rules.logAppendTime) checkTimestamps(bytes, facts, rules, nowMs);
  if (rules.compacted) checkKeys(bytes, facts);
  return facts;
}

function checkFields(facts: BatchFacts): void {
  const refuse = (problem: string): never => {
    throw new EngineError('invalid-record', problem);
  };
  if (facts.count < 1) refuse(`a record batch has ${facts.count} records`);
  if (facts.lastOffsetDelta !== facts.count - 1) {
    refuse(`a record batch has ${facts.count} records and a last offset delta of ${facts.lastOffsetDelta}`);
  }
  if (codecOf(facts.attributes) > codecMax) {
    throw new EngineError('unsupported-codec', `compression codec ${codecOf(facts.attributes)}`);
  }
  if (isControl(facts.attributes)) refuse('a producer may not write control batches');
  if (isTransactional(facts.attributes)) refuse('transactional batches are not served');
  if (!Number.isSafeInteger(facts.producerId) || facts.producerId < -1) refuse(`producer id ${facts.producerId}`);
  if (facts.producerId >= 0 && (facts.baseSequence < 0 || facts.producerEpoch < 0)) {
    refuse(`producer ${facts.producerId} has epoch ${facts.producerEpoch} and sequence ${facts.baseSequence}`);
  }
}

function checkTimestamps(bytes: Buffer, facts: BatchFacts, rules: BatchRules, nowMs: number): void {
  const base = readBaseTimestamp(bytes);
  if (!(facts.maxTimestamp >= -1) || !(base >= -1)) {
    throw new EngineError('invalid-timestamp', 'a record batch has a timestamp below −1 or beyond 2^53');
  }
  if (facts.maxTimestamp - nowMs > rules.timestampAfterMaxMs) {
    throw new EngineError(
      'invalid-timestamp',
      `timestamp ${facts.maxTimestamp} is more than ${rules.timestampAfterMaxMs} ms in the future`,
    );
  }
  if (base >= 0 && nowMs - base > rules.timestampBeforeMaxMs) {
    throw new EngineError(
      'invalid-timestamp',
      `timestamp ${base} is more than ${rules.timestampBeforeMaxMs} ms in the past`,
    );
  }
}

function checkKeys(bytes: Buffer, facts: BatchFacts): void {
  const records = decompressSync(codecOf(facts.attributes), bytes.subarray(batchHeaderBytes), unpackedBytesMax);
  let seen = 0;
  for (const record of iterateRecords(records, facts.count)) {
    if (record.key === null) throw new EngineError('invalid-record', 'a record without a key, in a compacted topic');
    seen++;
  }
  if (seen !== facts.count) throw new EngineError('invalid-record', `a batch of ${facts.count} records holds ${seen}`);
}
