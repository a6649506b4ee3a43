// Lines of files as records: key and value by a separator, in the order of the files.

import type { KafkaClient } from './kafka-client.ts';
import { readLines } from './line-reader.ts';
import { type OutgoingRecord, type ProduceOptions, type ProduceReport, produceRecords } from './produce-records.ts';

export interface ProduceLinesOptions extends ProduceOptions {
  /** What stands before the first one is the key. */
  readonly separator?: Buffer;
}

const lineBytesMax = 128 * 1024 * 1024;

export function produceLines(
  client: KafkaClient,
  inputs: readonly { readonly bytes: AsyncIterable<Buffer> }[],
  options: ProduceLinesOptions,
): Promise<ProduceReport> {
  return produceRecords(client, recordsOf(inputs, options.separator), options);
}

async function* recordsOf(
  inputs: readonly { readonly bytes: AsyncIterable<Buffer> }[],
  separator: Buffer | undefined,
): AsyncGenerator<OutgoingRecord[]> {
  for (const { bytes } of inputs) {
    for await (const lines of readLines(bytes, lineBytesMax)) {
      yield lines.map((line) => recordOf(line, separator));
    }
  }
}

function recordOf(line: Buffer, separator: Buffer | undefined): OutgoingRecord {
  const at = separator === undefined || separator.length === 0 ? -1 : line.indexOf(separator);
  if (at === -1 || separator === undefined) return { key: null, value: line };
  return { key: line.subarray(0, at), value: line.subarray(at + separator.length) };
}
