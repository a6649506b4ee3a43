// Prints consumed records: many into one buffer, buffers to stdout, waiting where the reader is slow.

import type { IncomingRecord } from '../engine/admin/admin.ts';
import type { Output } from './output.ts';
import { BufferSink, type RecordWriter } from './record-template.ts';

const flushBytes = 256 * 1024;

export class RecordPrinter {
  records = 0;
  bytes = 0;
  readonly #output: Output;
  readonly #write: RecordWriter;
  readonly #sink = new BufferSink();

  constructor(output: Output, write: RecordWriter) {
    this.#output = output;
    this.#write = write;
  }

  /** Resolves when the records have been handed to stdout. */
  async print(partition: number, records: readonly IncomingRecord[]): Promise<void> {
    for (const record of records) {
      this.#write(record, partition, this.#sink);
      this.records++;
      if (this.#sink.length >= flushBytes) await this.#flush();
    }
    if (this.#sink.length > 0) await this.#flush();
  }

  async #flush(): Promise<void> {
    const bytes = this.#sink.take();
    this.bytes += bytes.length;
    await this.#output.write(bytes);
  }
}
