// Produce versions 0 to 2: advertised (librdkafka takes their absence to mean that nothing can be compressed) and refused.
// Their batches are of old formats; only so much is read of a request as its refusal needs.
//
//   request   acks INT16, timeout_ms INT32, [topic STRING, [partition INT32, records BYTES]]
//   response  [topic STRING, [partition INT32, error_code INT16, base_offset INT64, log_append_time_ms INT64 2+]],
//             throttle_time_ms INT32 1+

import { ByteReader } from '../base/byte-reader.ts';
import { ByteWriter } from '../base/byte-writer.ts';
import { errorTable } from '../base/error-table.ts';
import { produce, type RequestHeader } from '../wire/wire.ts';

/** A refusal names each partition; nobody sends more in one request. */
const entriesMax = 100_000;

export function isOldProduce({ apiKey, apiVersion }: RequestHeader): boolean {
  return apiKey === produce.key && apiVersion >= 0 && apiVersion < produce.versions[0];
}

/** The whole refusing frame; 'none' where the client expects no answer. Throws when the request cannot be read. */
export function refuseOldProduce(
  frame: Buffer,
  { apiVersion, correlationId, clientId }: RequestHeader,
): Buffer | 'none' {
  const headerBytes = 2 + 2 + 4 + 2 + (clientId === null ? 0 : Buffer.byteLength(clientId));
  const reader = new ByteReader(frame, `Produce v${apiVersion} request`, headerBytes);
  const acks = reader.i16();
  reader.i32();
  const writer = new ByteWriter(256).u32(0).i32(correlationId);
  let entries = 0;
  const count = (): number => {
    const elements = reader.i32();
    entries += elements;
    if (elements < 0 || entries > entriesMax) throw reader.corrupt(`an array of ${elements} elements`);
    return elements;
  };
  const topics = count();
  writer.i32(topics);
  for (let topic = 0; topic < topics; topic++) {
    const name = reader.view(reader.u16());
    writer.u16(name.length).copy(name);
    const partitions = count();
    writer.i32(partitions);
    for (let partition = 0; partition < partitions; partition++) {
      writer.i32(reader.i32()).i16(errorTable['unsupported-version'].kafkaCode).i64(-1);
      if (apiVersion >= 2) writer.i64(-1);
      reader.view(Math.max(0, reader.i32()));
    }
  }
  if (apiVersion >= 1) writer.i32(0);
  const bytes = writer.bytes();
  bytes.writeUInt32BE(bytes.length - 4, 0);
  return acks === 0 ? 'none' : bytes;
}
