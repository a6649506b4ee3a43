// How consumed records are written: the value and a newline, a template, or JSON lines. Keys and values go through as bytes.
//
//   {value} {key} {offset} {partition} {topic} {timestamp} {time} {headers}     or, as in kcat,
//   %v      %k    %o       %p          %t      %T                    %h          and %% for a percent sign
//
// Escapes as in escape-format.ts. A template ends where it says: no newline is added.

import type { IncomingRecord } from '../engine/admin/admin.ts';
import { EngineError } from '../engine/base/errors.ts';
import { formatInstant } from './duration-format.ts';
import { unescapeText } from './escape-format.ts';

/** Appends one record's bytes. */
export type RecordWriter = (record: IncomingRecord, partition: number, sink: ByteSink) => void;

export interface ByteSink {
  bytes(bytes: Uint8Array): void;
  text(text: string): void;
}

const newline = Buffer.from('\n');

export const valueLine: RecordWriter = (record, _partition, sink) => {
  if (record.value !== null) sink.bytes(record.value);
  sink.bytes(newline);
};

type Field = (record: IncomingRecord, partition: number, topic: string, sink: ByteSink) => void;

const fields: Readonly<Record<string, Field>> = {
  value: ({ value }, _partition, _topic, sink) => value !== null && sink.bytes(value),
  key: ({ key }, _partition, _topic, sink) => key !== null && sink.bytes(key),
  offset: ({ offset }, _partition, _topic, sink) => sink.text(String(offset)),
  partition: (_record, partition, _topic, sink) => sink.text(String(partition)),
  topic: (_record, _partition, topic, sink) => sink.text(topic),
  timestamp: ({ timestamp }, _partition, _topic, sink) => sink.text(String(timestamp)),
  time: ({ timestamp }, _partition, _topic, sink) => sink.text(formatInstant(timestamp)),
  headers: ({ headers }, _partition, _topic, sink) => {
    headers.forEach(({ name, value }, index) => {
      sink.text(`${index > 0 ? ',' : ''}${name}=`);
      if (value !== null) sink.bytes(value);
    });
  },
};

const letters: Readonly<Record<string, string>> = {
  v: 'value',
  k: 'key',
  o: 'offset',
  p: 'partition',
  t: 'topic',
  T: 'timestamp',
  h: 'headers',
};

/** Throws `usage` for a field that does not exist. */
export function templateWriter(template: string, topic: string): RecordWriter {
  const parts: (Field | Buffer)[] = [];
  const token = /%(.)|\{([a-z]+)\}/gs;
  let last = 0;
  for (const match of template.matchAll(token)) {
    if (match.index > last) parts.push(unescapeText(template.slice(last, match.index)));
    last = match.index + match[0].length;
    if (match[1] === '%') {
      parts.push(Buffer.from('%'));
      continue;
    }
    const name = match[2] ?? letters[match[1] as string];
    const field = name === undefined ? undefined : fields[name];
    if (field === undefined) {
      throw new EngineError('usage', `--format has no field ${match[0]}`, {
        hint: `fields are ${Object.keys(fields)
          .map((known) => `{${known}}`)
          .join(' ')}, and %v %k %o %p %t %T %h`,
      });
    }
    parts.push(field);
  }
  if (last < template.length) parts.push(unescapeText(template.slice(last)));
  return (record, partition, sink) => {
    for (const part of parts) {
      if (typeof part === 'function') part(record, partition, topic, sink);
      else sink.bytes(part);
    }
  };
}

/** One JSON object per record; what is not UTF-8 is base64, and a field says so. */
export function jsonWriter(topic: string): RecordWriter {
  return ({ offset, timestamp, key, value, headers }, partition, sink) => {
    sink.text(
      `${JSON.stringify({
        schema: 'cloudtopics/record/v1',
        topic,
        partition,
        offset,
        timestamp,
        time: timestamp < 0 ? null : formatInstant(timestamp),
        ...named('key', key),
        ...named('value', value),
        headers: headers.map((header) => ({ name: header.name, ...named('value', header.value) })),
      })}\n`,
    );
  };
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function named(name: string, bytes: Buffer | null): Record<string, string | null> {
  if (bytes === null) return { [name]: null };
  try {
    return { [name]: strictUtf8.decode(bytes) };
  } catch {
    return { [name]: bytes.toString('base64'), [`${name}Encoding`]: 'base64' };
  }
}

const sinkBytesMin = 64 * 1024;

/** A growing buffer that is emptied as a whole. */
export class BufferSink implements ByteSink {
  #buffer = Buffer.allocUnsafe(sinkBytesMin);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  bytes(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#buffer.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  text(text: string): void {
    this.#reserve(text.length * 3);
    this.#length += this.#buffer.write(text, this.#length);
  }

  /** What was written since; the sink begins anew. */
  take(): Buffer {
    const taken = this.#buffer.subarray(0, this.#length);
    this.#buffer = Buffer.allocUnsafe(Math.max(sinkBytesMin, Math.min(this.#buffer.length, 4 * 1024 * 1024)));
    this.#length = 0;
    return taken;
  }

  #reserve(count: number): void {
    if (this.#length + count <= this.#buffer.length) return;
    const grown = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.#length + count));
    this.#buffer.copy(grown, 0, 0, this.#length);
    this.#buffer = grown;
  }
}
