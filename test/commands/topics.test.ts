import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FakeBroker } from './fake-broker.ts';
import { runCommand, startCommand } from './run-command.ts';

describe('topics, against a broker', { timeout: 120_000 }, () => {
  let broker: FakeBroker;
  let directory: string;
  const topics = (...args: string[]) =>
    runCommand(['topics', ...args], { env: { CLOUDTOPICS_BOOTSTRAP: broker.address } });
  const topicsWith = (input: string | Buffer, ...args: string[]) =>
    runCommand(['topics', ...args], { env: { CLOUDTOPICS_BOOTSTRAP: broker.address }, input });

  beforeAll(async () => {
    broker = await FakeBroker.start();
    directory = await mkdtemp(join(tmpdir(), 'cloudtopics-topics-'));
  });
  afterAll(async () => {
    await broker[Symbol.asyncDispose]();
    await rm(directory, { recursive: true });
  });

  it('creates, lists, describes, alters and deletes a topic', async () => {
    const created = await topics('create', 'orders', '--partitions', '3', '--set', 'retention.ms=60000', '--json');
    expect(created).toMatchObject({ status: 0, stderr: '' });
    expect(JSON.parse(created.stdout)).toEqual({
      schema: 'cloudtopics/topics-create/v1',
      topic: 'orders',
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      created: true,
      partitions: 3,
    });
    const listed = await topics('list', '--json');
    expect(JSON.parse(listed.stdout)).toEqual({
      schema: 'cloudtopics/topics-list/v1',
      topics: [{ name: 'orders', id: expect.any(String), partitions: 3, internal: false }],
    });
    expect(
      (await topics('alter', 'orders', '--set', 'max.message.bytes=7', '--unset', 'retention.ms', '-p', '4')).status,
    ).toBe(0);
    const described = JSON.parse((await topics('describe', 'orders', '--json')).stdout);
    expect(described).toMatchObject({ schema: 'cloudtopics/topics-describe/v1', topic: 'orders', internal: false });
    expect(described.configs).toEqual([{ name: 'max.message.bytes', value: '7', own: true }]);
    expect(described.partitions[3]).toEqual({ partition: 3, leader: 1, leaderEpoch: 7, earliest: 0, latest: 0 });
    const deleted = await topics('delete', 'orders', '--yes', '--json');
    expect(JSON.parse(deleted.stdout)).toEqual({
      schema: 'cloudtopics/topics-delete/v1',
      topic: 'orders',
      deleted: true,
      offsets: 0,
    });
    expect(broker.topics.has('orders')).toBe(false);
  });

  it('says conflict, not found, usage and unconfirmed by exit status, and changes nothing', async () => {
    broker.addTopic('kept', 1);
    expect((await topics('create', 'kept')).status).toBe(6);
    expect((await topics('create', 'kept', '--if-not-exists')).status).toBe(0);
    expect((await topics('describe', 'missing')).status).toBe(5);
    expect((await topics('alter', 'kept', '--set', 'no.such.setting=1')).status).toBe(2);
    expect((await topics('alter', 'kept')).status).toBe(2);
    const unconfirmed = await topics('delete', 'kept');
    expect(unconfirmed.status).toBe(10);
    expect(unconfirmed.stderr).toContain('try: repeat with --yes');
    expect(broker.topics.has('kept')).toBe(true);
    expect((await topics('delete', 'missing', '--yes', '--if-exists')).status).toBe(0);
  });

  it('writes lines and gives them back unchanged: empty ones, \\r, bytes that are no text, a last line without end', async () => {
    broker.addTopic('bytes', 1);
    const lines = Buffer.concat([Buffer.from('a\n\n b\r\n'), Buffer.from([0xff, 0x00, 0x80]), Buffer.from('\nlast')]);
    const produced = await topicsWith(lines, 'produce', 'bytes', '--json', '--codec', 'gzip');
    expect(JSON.parse(produced.stdout)).toEqual({
      schema: 'cloudtopics/topics-produce/v1',
      topic: 'bytes',
      records: 5,
      bytes: 11,
      partitions: [{ partition: 0, records: 5, bytes: 11, firstOffset: 0, lastOffset: 4 }],
    });
    const consumed = await topics('consume', 'bytes', '--from', 'beginning', '--exit-at-end');
    expect(consumed.status).toBe(0);
    expect(consumed.bytes.equals(Buffer.concat([lines, Buffer.from('\n')]))).toBe(true);
  });

  it('reads files, keys and headers, and prints records as JSON lines or by a template', async () => {
    broker.addTopic('users', 2);
    const file = join(directory, 'users.tsv');
    await writeFile(file, 'ada\tlovelace\nnokey\n');
    expect((await topics('produce', 'users', file, '-K', '\\t', '-H', 'from=file', '--partition', '1')).status).toBe(0);
    const json = await topics('consume', 'users', '--from', 'beginning', '-e', '--json');
    const [first, second] = json.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(first).toEqual({
      schema: 'cloudtopics/record/v1',
      topic: 'users',
      partition: 1,
      offset: 0,
      timestamp: expect.any(Number),
      time: expect.stringMatching(/^\d{4}-.*Z$/),
      key: 'ada',
      value: 'lovelace',
      headers: [{ name: 'from', value: 'file' }],
    });
    expect(second).toMatchObject({ key: null, value: 'nokey', offset: 1 });
    const shaped = await topics(
      'consume',
      'users',
      '--from',
      'beginning',
      '-e',
      '-f',
      '%p/{offset} %k={value} 100%% %h\\n',
    );
    expect(shaped.stdout).toBe('1/0 ada=lovelace 100% from=file\n1/1 =nokey 100% from=file\n');
    expect((await topics('consume', 'users', '-e', '-f', '{nothing}')).status).toBe(2);
  });

  it('lets the broker create the topic that is written to, waits for it, and says so', async () => {
    broker.createsWithPartitions = 2;
    broker.createsAfterRequests = 3;
    const produced = await topicsWith('hello\n', 'produce', 'greetings', '--json');
    broker.createsWithPartitions = 0;
    expect(JSON.parse(produced.stdout)).toMatchObject({ topic: 'greetings', records: 1 });
    expect(produced).toMatchObject({ status: 0, stderr: 'created topic greetings (2 partitions)\n' });
    expect((await topics('consume', 'greetings', '--from', 'beginning', '--exit-at-end')).stdout).toBe('hello\n');
  });

  it('names the command that creates a topic where the broker does not, and never creates one by reading', async () => {
    const produced = await topicsWith('hello\n', 'produce', 'nowhere');
    expect(produced).toMatchObject({ status: 5, stdout: '' });
    expect(produced.stderr).toContain('try: cloudtopics topics create nowhere');
    broker.createsWithPartitions = 1;
    expect((await topics('consume', 'nowhere', '-e')).status).toBe(5);
    expect((await topics('describe', 'nowhere')).status).toBe(5);
    broker.createsWithPartitions = 0;
    expect(broker.topics.has('nowhere')).toBe(false);
  });

  it('shows progress as asked, on standard error only', async () => {
    broker.addTopic('watched', 3);
    await topicsWith('a\nb\nc\n', 'produce', 'watched', '--partition', '1');
    const watch = (choice: string) =>
      topics('consume', 'watched', '--from', 'beginning', '-e', '--progress', choice).then(({ stdout, stderr }) => {
        expect(stdout).toBe('a\nb\nc\n');
        return stderr.split('\n').filter((line) => line !== '');
      });
    expect(await watch('none')).toEqual([]);
    expect(await watch('auto')).toEqual([]);
    expect(await watch('lines')).toEqual([
      'consumed: 0 records, 0 B',
      expect.stringMatching(/^consumed: 3 records, 6 B, .*100%/),
    ]);
    const json = (await watch('json')).map((line) => JSON.parse(line) as object);
    expect(json.at(-1)).toEqual({
      schema: 'cloudtopics/progress/v1',
      phase: 'consumed',
      records: 3,
      bytes: 6,
      elapsedMs: expect.any(Number),
      share: 1,
    });
  });

  it('starts at an offset, stops at a count, and goes on where a group stands', async () => {
    broker.addTopic('counted', 1);
    await topicsWith('0\n1\n2\n3\n4\n', 'produce', 'counted');
    expect((await topics('consume', 'counted', '--partition', '0', '--offset', '3', '-e')).stdout).toBe('3\n4\n');
    expect((await topics('consume', 'counted', '--offset', '3')).status).toBe(2);
    expect((await topics('consume', 'counted', '--partition', '0', '--offset', '9', '-e')).status).toBe(0);
    expect((await topics('consume', 'counted', '--partition', '0', '--offset', '9', '-n', '1')).status).toBe(5);
    expect((await topics('consume', 'counted', '-g', 'readers', '--from', 'beginning', '-n', '2')).stdout).toBe(
      '0\n1\n',
    );
    expect((await topics('consume', 'counted', '-g', 'readers', '-n', '2')).stdout).toBe('2\n3\n');
    const offsets = JSON.parse((await topics('offsets', 'counted', '--group', 'readers', '--json')).stdout);
    expect(offsets).toEqual({
      schema: 'cloudtopics/topics-offsets/v1',
      topic: 'counted',
      group: 'readers',
      lag: 1,
      partitions: [{ partition: 0, earliest: 0, latest: 5, committed: 4, lag: 1 }],
    });
  });

  it('ends well when the reader closes the pipe, and with 130 when interrupted', async () => {
    broker.addTopic('long', 1);
    await topicsWith('line of text\n'.repeat(200_000), 'produce', 'long');
    const env = { CLOUDTOPICS_BOOTSTRAP: broker.address };
    const piped = startCommand(['topics', 'consume', 'long', '--from', 'beginning'], { env });
    piped.stdout?.once('data', () => piped.stdout?.destroy());
    expect((await once(piped, 'exit'))[0]).toBe(0);
    const waiting = startCommand(['topics', 'consume', 'long', '--from', 'beginning'], { env });
    let bytes = 0;
    waiting.stdout?.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes === 200_000 * 13) waiting.kill('SIGINT');
    });
    expect((await once(waiting, 'exit'))[0]).toBe(130);
  });

  it('says at once when no broker is there', async () => {
    const none = await runCommand(['topics', 'list', '--json'], { env: { CLOUDTOPICS_BOOTSTRAP: '127.0.0.1:1' } });
    expect(none.status).toBe(8);
    expect(none.stdout).toBe('');
    expect(JSON.parse(none.stderr)).toMatchObject({
      schema: 'cloudtopics/error/v1',
      error: {
        code: 'broker-unavailable',
        kind: 'unavailable',
        exitStatus: 8,
        retryable: true,
        try: expect.stringContaining('cloudtopics serve'),
      },
    });
  });
});
