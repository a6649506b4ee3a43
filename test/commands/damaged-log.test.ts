// A broker whose own log is damaged does not start, and says what to do. It never begins with less than it had.

import { once } from 'node:events';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTopics, offsetCommit } from '../../src/engine/wire/wire.ts';
import { RawClient } from '../engine/broker/raw-client.ts';
import { runCommand, startCommand } from './run-command.ts';

let directory: string;
const flags = (at: string) => ['--data-dir', join(at, 'data'), '--listen', '127.0.0.1:0', '--admin', 'none'];

/** A broker with a topic and a position that is in its log only, killed. */
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'cloudtopics-damage-'));
  const broker = startCommand(['serve', '--json', ...flags(join(directory, 'original'))]);
  broker.stderr?.resume();
  const lines = createInterface({ input: broker.stdout as NodeJS.ReadableStream });
  const [line] = (await once(lines, 'line')) as [string];
  const { kafka } = JSON.parse(line) as { kafka: string };
  const client = await RawClient.open(Number(kafka.split(':')[1]));
  const topics = [{ name: 't', numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }];
  expect((await client.call(createTopics, 7, { topics })).topics[0]?.errorCode).toBe(0);
  const partitions = [{ partitionIndex: 0, committedOffset: 7, committedMetadata: '' }];
  const committed = { groupId: 'g', memberId: '', topics: [{ name: 't', partitions }] };
  expect((await client.call(offsetCommit, 9, committed)).topics[0]?.partitions[0]?.errorCode).toBe(0);
  client.destroy();
  broker.kill('SIGKILL');
  await once(broker, 'exit');
}, 60_000);

afterAll(() => rm(directory, { recursive: true, force: true, maxRetries: 3 }));

async function damaged(name: string, damage: (log: Buffer) => Buffer): Promise<string> {
  const copy = join(directory, name);
  await cp(join(directory, 'original'), copy, { recursive: true });
  const path = join(copy, 'data', 'log', 'data.mdb');
  await writeFile(path, damage(await readFile(path)));
  return copy;
}

/** Flips a bit of everything in the log that begins with these letters, some bytes behind them. */
function flipBehind(log: Buffer, letters: string, bytes: number): Buffer {
  let found = 0;
  for (let at = log.indexOf(letters); at !== -1; at = log.indexOf(letters, at + 1)) {
    log[at + bytes] = (log[at + bytes] as number) ^ 1;
    found++;
  }
  expect(found).toBeGreaterThan(0);
  return log;
}

describe('a start is refused', { timeout: 60_000 }, () => {
  it.each<[string, (log: Buffer) => Buffer]>([
    ['an entry of a domain', (log) => flipBehind(log, 'CTDE', 40)],
    ['the name of a recorded manifest', (log) => flipBehind(log, 'CTDM', 20)],
    ['the whole file', (log) => Buffer.alloc(log.length, 'x')],
    ['the end of the file', (log) => log.subarray(0, 16_384)],
  ])('when this is damaged: %s', async (what, damage) => {
    const copy = await damaged(what.replaceAll(' ', '-'), damage);
    const { status, stdout, stderr } = await runCommand(['serve', ...flags(copy)]);
    expect({ status, stdout }).toEqual({ status: 13, stdout: '' });
    expect(stderr).toContain('corrupt-log');
    expect(stderr).toMatch(/try: .*cloudtopics restore/);
    // Nor does it do any better the second time.
    expect((await runCommand(['serve', ...flags(copy)])).status).toBe(13);
  });

  it('when the log is gone', async () => {
    const copy = await damaged('gone', (log) => log);
    await rm(join(copy, 'data', 'log'), { recursive: true });
    const { status, stderr } = await runCommand(['serve', ...flags(copy)]);
    expect(status).toBe(7);
    expect(stderr).toMatch(/try: .*cloudtopics restore/);
  });
});
