// Reads a partition to its high watermark over the wire.

import { decompress } from '../../../src/engine/records/compression.ts';
import {
  batchHeaderBytes,
  codecOf,
  readBatchFacts,
  readBatchSize,
} from '../../../src/engine/records/record-batch-format.ts';
import { iterateRecords } from '../../../src/engine/records/record-format.ts';
import { fetch } from '../../../src/engine/wire/wire.ts';
import type { RawClient } from '../broker/raw-client.ts';

/** Values in the order of their offsets; throws where an offset is missing or doubled. */
export async function fetchValues(client: RawClient, topicId: string, partition: number): Promise<string[]> {
  const values: string[] = [];
  for (;;) {
    const answer = await client.call(fetch, 13, fetchRequest(topicId, partition, values.length, 1 << 20));
    const found = answer.responses[0]?.partitions[0];
    if (answer.errorCode !== 0 || found?.errorCode !== 0)
      throw new Error(`fetch: ${answer.errorCode}, ${found?.errorCode}`);
    const records = found.records ?? Buffer.alloc(0);
    for (let at = 0; at < records.length && at + readBatchSize(records, at) <= records.length; ) {
      const batch = records.subarray(at, at + readBatchSize(records, at));
      at += batch.length;
      const facts = readBatchFacts(batch);
      const unpacked = await decompress(codecOf(facts.attributes), batch.subarray(batchHeaderBytes), 1 << 30);
      for (const record of iterateRecords(unpacked, facts.count)) {
        const offset = facts.baseOffset + record.offsetDelta;
        if (offset < values.length) continue;
        if (offset > values.length) throw new Error(`offset ${values.length} is missing, ${offset} follows`);
        values.push(record.value?.toString() ?? '');
      }
    }
    if (values.length >= found.highWatermark) return values;
  }
}

export function fetchRequest(topicId: string, partition: number, fetchOffset: number, partitionMaxBytes: number) {
  return {
    maxWaitMs: 0,
    minBytes: 0,
    topics: [{ topicId, partitions: [{ partition, fetchOffset, partitionMaxBytes }] }],
  };
}
