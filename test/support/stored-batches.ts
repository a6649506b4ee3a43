// Reads a partition's record batches as the broker hands them out (Fetch v11, no session) and tells what their
// headers say. Clients hide the batches; which codec a batch is stored with can only be seen here.

import { connect, type Socket } from 'node:net';

export interface StoredBatch {
  readonly baseOffset: number;
  readonly lastOffset: number;
  readonly codec: 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd';
  readonly records: number;
  readonly producerId: bigint;
}

const codecs = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const;
const batchHeaderBytes = 61;

export async function storedBatches(bootstrap: string, topic: string, partition: number): Promise<StoredBatch[]> {
  const [host, port] = bootstrap.split(':') as [string, string];
  const socket = connect(Number(port), host);
  try {
    const found: StoredBatch[] = [];
    for (let offset = 0; ; ) {
      const { records, highWatermark } = await fetchOnce(socket, topic, partition, offset);
      const batches = parseBatches(records);
      found.push(...batches.filter((batch) => batch.lastOffset >= offset));
      offset = (batches.at(-1)?.lastOffset ?? offset - 1) + 1;
      if (batches.length === 0 || offset >= highWatermark) return found;
    }
  } finally {
    socket.destroy();
  }
}

function parseBatches(bytes: Buffer): StoredBatch[] {
  const batches: StoredBatch[] = [];
  for (let at = 0; at + batchHeaderBytes <= bytes.length; ) {
    const length = 12 + bytes.readInt32BE(at + 8);
    if (at + length > bytes.length) break;
    const baseOffset = Number(bytes.readBigInt64BE(at));
    batches.push({
      baseOffset,
      lastOffset: baseOffset + bytes.readInt32BE(at + 23),
      codec: codecs[bytes.readInt16BE(at + 21) & 7]!,
      records: bytes.readInt32BE(at + 57),
      producerId: bytes.readBigInt64BE(at + 43),
    });
    at += length;
  }
  return batches;
}

async function fetchOnce(
  socket: Socket,
  topic: string,
  partition: number,
  offset: number,
): Promise<{ records: Buffer; highWatermark: number }> {
  const request = Buffer.concat([
    // header v1: Fetch, version 11, correlation 7, client id
    int16(1), int16(11), int32(7), text('stored-batches'),
    // replica, wait, minimum and maximum bytes, isolation, no session
    int32(-1), int32(500), int32(1), int32(8 << 20), Buffer.of(0), int32(0), int32(-1),
    int32(1), text(topic), int32(1),
    // partition, leader epoch unknown, offset, log start unknown, maximum bytes
    int32(partition), int32(-1), int64(offset), int64(-1), int32(8 << 20),
    // nothing forgotten, no rack
    int32(0), text(''),
  ]); // biome-ignore format: laid out like the grammar
  socket.write(Buffer.concat([int32(request.length), request]));
  const body = await readFrame(socket);
  // correlation, throttle, error, session, one topic with its name, one partition, its index
  let at = 4 + 4;
  const error = body.readInt16BE(at);
  at += 2 + 4 + 4;
  at += 2 + body.readInt16BE(at);
  at += 4 + 4;
  const partitionError = body.readInt16BE(at);
  if (error !== 0 || partitionError !== 0) throw new Error(`fetch answered ${error}, ${partitionError}`);
  const highWatermark = Number(body.readBigInt64BE(at + 2));
  at += 2 + 8 + 8 + 8;
  const aborted = body.readInt32BE(at);
  at += 4 + Math.max(aborted, 0) * 16 + 4;
  const length = Math.max(body.readInt32BE(at), 0);
  return { records: body.subarray(at + 4, at + 4 + length), highWatermark };
}

function readFrame(socket: Socket): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    let received = Buffer.alloc(0);
    const onData = (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      if (received.length < 4 || received.length < 4 + received.readInt32BE(0)) return;
      socket.off('data', onData).off('error', reject).off('close', onClose);
      resolve(received.subarray(4));
    };
    const onClose = () => reject(new Error('the broker closed the connection'));
    socket.on('data', onData).once('error', reject).once('close', onClose);
  });
}

function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeInt16BE(value);
  return bytes;
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

function int64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(BigInt(value));
  return bytes;
}

function text(value: string): Buffer {
  return Buffer.concat([int16(Buffer.byteLength(value)), Buffer.from(value)]);
}
