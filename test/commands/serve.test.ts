// The real broker, as its user starts it, and the topics commands against it.

import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runCommand, startCommand } from './run-command.ts';

interface Ready {
  readonly kafka: string;
  readonly admin: string;
  readonly clusterId: string;
}

describe('serve', { timeout: 120_000 }, () => {
  let directory: string;
  let broker: ChildProcess | undefined;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'cloudtopics-serve-'));
  });
  afterEach(async () => {
    if (broker?.exitCode === null && broker.signalCode === null) {
      broker.kill('SIGKILL');
      await once(broker, 'exit');
    }
    await rm(directory, { recursive: true });
  });

  async function serve(...args: string[]): Promise<Ready> {
    broker = startCommand(
      [
        'serve',
        '--json',
        '--data-dir',
        join(directory, 'data'),
        '--listen',
        '127.0.0.1:0',
        '--admin',
        '127.0.0.1:0',
        ...args,
      ],
      { cwd: directory },
    );
    broker.stderr?.resume();
    const lines = createInterface({ input: broker.stdout as NodeJS.ReadableStream });
    const [line] = (await Promise.race([once(lines, 'line'), once(lines, 'close').then(() => ['{}'])])) as [string];
    return JSON.parse(line) as Ready;
  }

  const stopped = async (signal: NodeJS.Signals): Promise<number | null> => {
    const exit = once(broker as ChildProcess, 'exit');
    broker?.kill(signal);
    return (await exit)[0] as number | null;
  };

  it('says that it is ready, takes lines and gives them back, also after kill -9 and another start', async () => {
    const ready = await serve();
    expect(ready).toMatchObject({
      schema: 'cloudtopics/serve-ready/v1',
      kafka: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
      admin: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
      cluster: 'default',
      clusterId: expect.stringMatching(/^[0-9a-f-]{36}$/),
    });
    const topics = (bootstrap: string, input: string, ...args: string[]) =>
      runCommand(['topics', ...args, '--bootstrap', bootstrap], { input });
    const text = Array.from({ length: 20_000 }, (_, index) => `line ${index}\n`).join('');
    // The tour that the README begins with: nothing is created beforehand.
    expect((await topics(ready.kafka, 'hello\n', 'produce', 'greetings')).status).toBe(0);
    const greeted = await topics(ready.kafka, '', 'consume', 'greetings', '--from', 'beginning', '--exit-at-end');
    expect(greeted).toMatchObject({ status: 0, stdout: 'hello\n' });
    expect((await topics(ready.kafka, '', 'create', 'lines', '-p', '3')).status).toBe(0);
    const produced = await topics(ready.kafka, text, 'produce', 'lines', '--json', '--codec', 'zstd');
    expect(JSON.parse(produced.stdout)).toMatchObject({ records: 20_000 });
    await stopped('SIGKILL');

    const again = await serve();
    expect(again.clusterId).toBe(ready.clusterId);
    const consumed = await topics(again.kafka, '', 'consume', 'lines', '--from', 'beginning', '--exit-at-end');
    expect(consumed.status).toBe(0);
    expect(consumed.stdout.split('\n').sort()).toEqual(text.split('\n').sort());
    expect((await topics(again.kafka, '', 'delete', 'lines', '--yes')).status).toBe(0);
    expect(await stopped('SIGTERM')).toBe(0);
  });

  it('refuses a data directory that another broker uses, and a setting that does not exist', async () => {
    await serve();
    const second = await runCommand([
      'serve',
      '--data-dir',
      join(directory, 'data'),
      '--listen',
      '127.0.0.1:0',
      '--admin',
      'none',
    ]);
    expect(second).toMatchObject({ status: 6, stdout: '', stderr: expect.stringContaining('directory-locked') });
    const unknown = await runCommand([
      'serve',
      '--data-dir',
      join(directory, 'x'),
      '--listen',
      '127.0.0.1:0',
      '--admin',
      'none',
      '--set',
      'no.such=1',
    ]);
    expect(unknown).toMatchObject({ status: 2, stdout: '', stderr: expect.stringContaining('no.such') });
    const store = await runCommand([
      'serve',
      '--data-dir',
      join(directory, 'x'),
      '--store',
      'ftp://x',
      '--listen',
      '127.0.0.1:0',
      '--admin',
      'none',
    ]);
    expect(store.status).toBe(2);
    expect(await stopped('SIGINT')).toBe(0);
  });
});
