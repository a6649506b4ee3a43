// The records inside a batch, once they are unpacked:
//
//   length VARINT · attributes i8 · timestampDelta VARLONG · offsetDelta VARINT
//   · keyLength VARINT (−1: null) · key · valueLength VARINT (−1: null) · value
//   · headersCount VARINT · headers: nameLength VARINT · name · valueLength VARINT (−1: null) · value
//
// Reading copies nothing: keys, values and header values are views. A record must fill its length exactly, the records must
// fill the bytes exactly, and no count or length is believed before it was compared with what is there: else `invalid-record`.

import { ByteReader } from '../base/byte-reader.ts';
import { ByteWriter } from '../base/byte-writer.ts';
import { EngineError } from '../base/errors.ts';

export interface RecordHeader {
  readonly name: string;
  readonly value: Buffer | null;
}

/** One record. Key, value and headers are cut out of the bytes when they are asked for. */
export class RecordView {
  readonly attributes: number;
  readonly timestampDelta: number;
  readonly offsetDelta: number;
  readonly #bytes: Buffer;
  readonly #keyAt: number;
  readonly #keyLength: number;
  readonly #valueAt: number;
  readonly #valueLength: number;
  readonly #headerCount: number;

  /** Reads and checks the record at the reader's position. */
  constructor(reader: RecordReader) {
    const length = reader.varint();
    reader.need(length);
    const end = reader.position + length;
    this.attributes = reader.i8();
    this.timestampDelta = reader.varlong();
    this.offsetDelta = reader.varint();
    this.#keyLength = reader.varint();
    this.#keyAt = reader.position;
    reader.skip(this.#keyLength);
    this.#valueLength = reader.varint();
    this.#valueAt = reader.position;
    reader.skip(this.#valueLength);
    const headers = reader.varint();
    if (reader.position > end) throw reader.misfit(length, end);
    if (headers < 0 || headers * headerBytesMin > end - reader.position) {
      throw reader.corrupt(`a record has ${headers} headers in ${end - reader.position} bytes`);
    }
    for (let index = 0; index < headers; index++) {
      const nameLength = reader.varint();
      if (nameLength < 0) throw reader.corrupt('a header has no name');
      reader.skip(nameLength);
      reader.skip(reader.varint());
    }
    if (reader.position !== end) throw reader.misfit(length, end);
    this.#headerCount = headers;
    this.#bytes = reader.bytes;
  }

  get key(): Buffer | null {
    return this.#keyLength < 0 ? null : this.#bytes.subarray(this.#keyAt, this.#keyAt + this.#keyLength);
  }

  get value(): Buffer | null {
    return this.#valueLength < 0 ? null : this.#bytes.subarray(this.#valueAt, this.#valueAt + this.#valueLength);
  }

  get headers(): RecordHeader[] {
    if (this.#headerCount === 0) return [];
    const reader = new RecordReader(this.#bytes, 'record', this.#valueAt + Math.max(0, this.#valueLength));
    const headers: RecordHeader[] = [];
    for (let left = reader.varint(); left > 0; left--) {
      const name = reader.text(reader.varint());
      const length = reader.varint();
      headers.push({ name, value: length < 0 ? null : reader.view(length) });
    }
    return headers;
  }
}

/** Every record has at least its length, attributes, two deltas, two lengths and the count of headers. */
const recordBytesMin = 7;
const headerBytesMin = 2;

class RecordReader extends ByteReader {
  /** Number of the record that is being read, from 0. */
  record = 0;

  override corrupt(problem: string): EngineError {
    return new EngineError(
      'invalid-record',
      `record ${this.record} of a batch: ${problem} (at byte ${this.position})`,
      {
        context: { record: this.record, position: this.position, length: this.bytes.length },
      },
    );
  }

  misfit(length: number, end: number): EngineError {
    return this.corrupt(`a record of ${length} bytes is filled up to ${length + this.position - end}`);
  }

  /** Passes over a field; −1 is null and has no bytes. */
  skip(length: number): void {
    if (length === -1) return;
    this.need(length);
    this.position += length;
  }
}

/** The records of a batch: `bytes` is what follows its header, unpacked, `count` what the header says. */
export function* iterateRecords(bytes: Buffer, count: number): Generator<RecordView, void> {
  const reader = new RecordReader(bytes, 'record');
  if (count < 0 || count * recordBytesMin > bytes.length) {
    throw new EngineError('invalid-record', `${count} records cannot be in ${bytes.length} bytes`);
  }
  for (; reader.record < count; reader.record++) yield new RecordView(reader);
  if (reader.remaining > 0) throw reader.corrupt(`${reader.remaining} bytes follow the last record`);
}

export interface RecordToWrite {
  readonly timestampDelta: number;
  readonly offsetDelta: number;
  readonly key?: Uint8Array | null | undefined;
  readonly value?: Uint8Array | null | undefined;
  readonly headers?: readonly { readonly name: string; readonly value: Uint8Array | null }[] | undefined;
}

export function writeRecord(writer: ByteWriter, record: RecordToWrite): void {
  const body = new ByteWriter(64 + (record.key?.length ?? 0) + (record.value?.length ?? 0));
  body.i8(0).varlong(record.timestampDelta).varint(record.offsetDelta);
  writeField(body, record.key);
  writeField(body, record.value);
  const headers = record.headers ?? [];
  body.varint(headers.length);
  for (const { name, value } of headers) {
    body.varint(Buffer.byteLength(name)).text(name);
    writeField(body, value);
  }
  const bytes = body.bytes();
  writer.varint(bytes.length).copy(bytes);
}

function writeField(writer: ByteWriter, bytes: Uint8Array | null | undefined): void {
  if (bytes === null || bytes === undefined) writer.varint(-1);
  else writer.varint(bytes.length).copy(bytes);
}
