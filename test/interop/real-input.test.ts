// A real file of at least 200,000 lines through kcat into 12 partitions and back, compared byte by byte. The file is
// the text that the installed packages bring along, in the order of their paths: the same on every machine with the
// same lock file.

import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTopic } from '../support/create-topic.ts';
import { checkout } from '../support/kafka-process.ts';
import { kcat } from '../support/kcat.ts';
import { startTarget, storeKinds, type TargetBroker } from '../support/target-broker.ts';

const linesWanted = 200_000;
const partitions = 12;
const lineBytesMax = 100_000;
const newline = 0x0a;

describe.each(storeKinds)('a real file on a %s store', (store) => {
  let broker: TargetBroker;
  let directory: string;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'real-input-'));
    broker = await startTarget(store);
  });
  afterAll(async () => {
    await broker?.[Symbol.asyncDispose]();
    await rm(directory, { recursive: true, force: true });
  });

  test.each(['none', 'zstd'])('comes back unchanged, codec %s', async (codec) => {
    const lines = await realLines();
    expect(lines.length).toBeGreaterThanOrEqual(linesWanted);
    const topic = `lines-${codec}`;
    await createTopic(broker.bootstrap, topic, partitions);
    const file = join(directory, `${codec}.txt`);
    await writeFile(
      file,
      Buffer.concat(lines.flatMap((line, index) => [Buffer.from(`${index}\t`), line, Buffer.of(newline)])),
    );

    const sent = [
      '-P',
      '-t',
      topic,
      '-K',
      '\t',
      '-z',
      codec,
      '-X',
      'acks=all',
      '-X',
      'enable.idempotence=true',
      '-l',
      file,
    ];
    await kcat(broker.bootstrap, sent, { timeoutMs: 150_000 });
    const received = parseRecords(
      await kcat(broker.bootstrap, ['-C', '-t', topic, '-o', 'beginning', '-e', '-q', '-f', '%p %o %k %S %s\n'], {
        timeoutMs: 150_000,
      }),
    );

    expect(received.length).toBe(lines.length);
    const byPartition = Map.groupBy(received, (record) => record.partition);
    expect(byPartition.size).toBe(partitions);
    for (const records of byPartition.values()) {
      expect(records.every((record, index) => record.offset === index)).toBe(true);
      expect(records.every((record, index) => index === 0 || record.line > records[index - 1]!.line)).toBe(true);
    }
    const back = received.sort((a, b) => a.line - b.line);
    expect(back.every((record, index) => record.line === index)).toBe(true);
    const original = Buffer.concat(lines.flatMap((line) => [line, Buffer.of(newline)]));
    const returned = Buffer.concat(back.flatMap((record) => [record.value, Buffer.of(newline)]));
    expect(returned.equals(original)).toBe(true);
  });
});

/** Text files of the installed packages, split into lines; binary files and monstrous lines are left out. */
async function realLines(): Promise<Buffer[]> {
  const packages = join(checkout, 'node_modules');
  const files = (await readdir(packages, { recursive: true }))
    .filter((name) => /\.(md|ts|js|json|txt)$/.test(name) && !name.includes('.cache') && !name.startsWith('.'))
    .sort();
  const lines: Buffer[] = [];
  for (const name of files) {
    if (lines.length >= linesWanted) break;
    const text = await readFile(join(packages, name)).catch(() => Buffer.alloc(0));
    if (text.includes(0)) continue;
    let start = 0;
    for (let end = text.indexOf(newline); end >= 0; start = end + 1, end = text.indexOf(newline, start)) {
      if (end - start <= lineBytesMax) lines.push(text.subarray(start, end));
    }
  }
  return lines;
}

interface ReceivedRecord {
  readonly partition: number;
  readonly offset: number;
  readonly line: number;
  readonly value: Buffer;
}

/** Lines of `partition offset key length value`; the length says where the value ends, whatever is in it. */
function parseRecords(output: Buffer): ReceivedRecord[] {
  const records: ReceivedRecord[] = [];
  let at = 0;
  const number = () => {
    const end = output.indexOf(0x20, at);
    const value = Number(output.toString('latin1', at, end));
    at = end + 1;
    return value;
  };
  while (at < output.length) {
    const [partition, offset, line, length] = [number(), number(), number(), number()];
    records.push({ partition, offset, line, value: output.subarray(at, at + length) });
    if (output[at + length] !== newline) throw new Error(`record ${line} is not ${length} bytes long`);
    at += length + 1;
  }
  return records;
}
