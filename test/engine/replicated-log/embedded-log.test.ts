import { mkdir, mkdtemp, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { open as openLmdb } from 'lmdb';
import { describe, expect, it, onTestFinished } from 'vitest';
import { systemRandom } from '../../../src/engine/base/random.ts';
import { type EmbeddedLog, openEmbeddedLog } from '../../../src/engine/replicated-log/embedded-log.ts';
import { entryKey, groupKey, headerKey, snapshotKey } from '../../../src/engine/replicated-log/embedded-log-format.ts';
import { appendOne, contents, describeLogConformance, openOne, text } from './log-conformance.ts';

const scratch = () => mkdtemp(join(tmpdir(), 'cloudtopics-log-'));

function openAt(directory: string, mapBytesMax?: number): Promise<EmbeddedLog> {
  return openEmbeddedLog({
    directory,
    random: systemRandom,
    onFatal: (error) => {
      throw error;
    },
    ...(mapBytesMax === undefined ? {} : { mapBytesMax }),
  });
}

describeLogConformance('embedded', async () => {
  const root = await scratch();
  const directory = join(root, 'log');
  return {
    open: () => openAt(directory),
    reopen: async (log) => {
      await log[Symbol.asyncDispose]();
      return openAt(directory);
    },
    dispose: () => rm(root, { recursive: true, force: true }),
  };
});

async function scratchDirectory(): Promise<string> {
  const root = await scratch();
  onTestFinished(() => rm(root, { recursive: true, force: true }));
  return join(root, 'log');
}

describe('embedded: group commit', () => {
  it('flushes appends of many groups, issued by many callers, with one transaction', async () => {
    await using log = await openAt(await scratchDirectory());
    const groups = await log.open(Array.from({ length: 50 }, (_, n) => `g/${n}`));
    const before = log.transactions;
    await Promise.all(groups.map((group) => appendOne(log, group, text('x'))));
    expect(log.transactions - before).toBe(1);
  });

  it('gives what arrives during a flush to the next one', async () => {
    await using log = await openAt(await scratchDirectory());
    const opened = await openOne(log, 'g');
    const before = log.transactions;
    const calls: Promise<unknown>[] = [];
    for (let end = 0; end < 30; end++) {
      calls.push(appendOne(log, { ...opened, end }, text('x')));
      await Promise.resolve();
    }
    await Promise.all(calls);
    expect(log.transactions - before).toBeLessThanOrEqual(3);
  });

  it('flushes what was issued before it closes', async () => {
    const directory = await scratchDirectory();
    const log = await openAt(directory);
    const opened = await openOne(log, 'g');
    const call = appendOne(log, opened, text('last words'));
    await log[Symbol.asyncDispose]();
    expect(await call).toMatchObject({ status: 'committed' });
    await using again = await openAt(directory);
    expect(await contents(again, 'g')).toEqual(['1@1:last words']);
  });
});

describe('embedded: a full map', () => {
  it('refuses appends with disk-full, keeps what it has, and goes on once something was trimmed', async () => {
    await using log = await openAt(await scratchDirectory(), 2 * 1024 * 1024);
    const opened = await openOne(log, 'g');
    const entry = Buffer.alloc(100_000, 'x');
    let end = 0;
    for (;;) {
      const outcome = await appendOne(log, { ...opened, end }, [entry]);
      if (outcome.status !== 'committed') {
        expect(outcome).toMatchObject({ status: 'refused', error: { code: 'disk-full', kind: 'limit' } });
        break;
      }
      end = outcome.end;
    }
    expect(end).toBeGreaterThan(10);
    expect((await log.read('g', 1, 1 << 30)).length).toBe(end);
    expect((await appendOne(log, { ...opened, end }, [entry])).status).toBe('refused');

    const half = Math.floor(end / 2);
    await log.saveSnapshot('g', opened.term, { index: half, bytes: Buffer.from('s') });
    await log.trim('g', opened.term, half + 1);
    expect(await appendOne(log, { ...opened, end }, [entry])).toEqual({ status: 'committed', end: end + 1 });
  });
});

describe('embedded: damage', () => {
  const damaged = async (key: Buffer, change: (value: Buffer) => Buffer | undefined): Promise<string> => {
    const directory = await scratchDirectory();
    const log = await openAt(directory);
    const opened = await openOne(log, 'g');
    await appendOne(log, opened, text('one', 'two', 'three'));
    await log.saveSnapshot('g', opened.term, { index: 1, bytes: Buffer.from('snapshot') });
    await log[Symbol.asyncDispose]();
    const database = openLmdb<Buffer, Buffer>({
      path: directory,
      overlappingSync: false,
      encoding: 'binary',
      keyEncoding: 'binary',
    } as Parameters<typeof openLmdb>[0]);
    const value = database.getBinary(key);
    expect(value).toBeDefined();
    const changed = change(Buffer.from(value as Buffer));
    await (changed === undefined ? database.remove(key) : database.put(key, changed));
    await database.close();
    return directory;
  };
  const flip = (at: number) => (value: Buffer) => {
    value[at] = (value[at] as number) ^ 1;
    return value;
  };

  it('names group and index of an entry whose bytes changed', async () => {
    await using log = await openAt(await damaged(entryKey(1, 2), flip(9)));
    expect((await log.read('g', 1, 1)).length).toBe(1);
    await expect(log.read('g', 1, 1000)).rejects.toMatchObject({
      code: 'corrupt-log',
      context: { group: 'g', index: 2 },
    });
  });

  it('names an entry that is missing', async () => {
    await using log = await openAt(await damaged(entryKey(1, 2), () => undefined));
    await expect(log.read('g', 2, 1000)).rejects.toMatchObject({ code: 'corrupt-log', context: { index: 2 } });
  });

  it('notices bytes of one entry in the place of another', async () => {
    const directory = await damaged(entryKey(1, 2), (value) => value);
    const database = openLmdb<Buffer, Buffer>({
      path: directory,
      overlappingSync: false,
      encoding: 'binary',
      keyEncoding: 'binary',
    } as Parameters<typeof openLmdb>[0]);
    await database.put(entryKey(1, 3), database.getBinary(entryKey(1, 2)) as Buffer);
    await database.close();
    await using log = await openAt(directory);
    await expect(log.read('g', 1, 1000)).rejects.toMatchObject({ code: 'corrupt-log', context: { index: 3 } });
  });

  it('refuses a damaged snapshot, group record or header', async () => {
    {
      await using log = await openAt(await damaged(snapshotKey(1, 1), flip(5)));
      await expect(log.open(['g'])).rejects.toMatchObject({ code: 'corrupt-log' });
    }
    await expect(openAt(await damaged(groupKey(1), flip(4)))).rejects.toMatchObject({ code: 'corrupt-log' });
    await expect(openAt(await damaged(headerKey, flip(20)))).rejects.toMatchObject({ code: 'corrupt-log' });
    await expect(openAt(await damaged(headerKey, () => undefined))).rejects.toMatchObject({ code: 'corrupt-log' });
  });

  it('refuses a file that is not a log at all', async () => {
    const directory = await scratchDirectory();
    await mkdir(directory, { recursive: true });
    await writeFile(join(directory, 'data.mdb'), Buffer.alloc(65536, 'rubbish'));
    await expect(openAt(directory)).rejects.toMatchObject({ code: 'corrupt-log' });
    await truncate(join(directory, 'data.mdb'), 100);
    await expect(openAt(directory)).rejects.toMatchObject({ code: 'corrupt-log' });
    await truncate(join(directory, 'data.mdb'), 0);
    await using log = await openAt(directory);
    expect(await log.groups('')).toEqual([]);
  });

  it.each([0.1, 0.5, 0.9])('refuses what a file has lost that was cut to %d of its size', async (share) => {
    const directory = await scratchDirectory();
    const log = await openAt(directory);
    const opened = await openOne(log, 'g');
    for (let end = 0; end < 60; end++) await appendOne(log, { ...opened, end }, [Buffer.alloc(5000, end)]);
    await log[Symbol.asyncDispose]();
    const path = join(directory, 'data.mdb');
    await truncate(path, Math.floor((await stat(path)).size * share));
    const readAll = async () => {
      await using cut = await openAt(directory);
      await cut.read('g', 1, 1 << 30);
    };
    await expect(readAll()).rejects.toMatchObject({ code: 'corrupt-log' });
  });

  it('gives out bytes of its own, which stay what they were when the log moves on', async () => {
    await using log = await openAt(await scratchDirectory());
    const opened = await openOne(log, 'g');
    await appendOne(log, opened, [Buffer.alloc(9000, 'a'), Buffer.alloc(10, 'b')]);
    const before = await log.read('g', 1, 1 << 20);
    await log.saveSnapshot('g', opened.term, { index: 2, bytes: Buffer.alloc(0) });
    await log.trim('g', opened.term, 3);
    for (let end = 2; end < 40; end++) await appendOne(log, { ...opened, end }, [Buffer.alloc(9000, 'x')]);
    expect(before.map((entry) => entry.bytes)).toEqual([Buffer.alloc(9000, 'a'), Buffer.alloc(10, 'b')]);
  });

  it('names a newer format version', async () => {
    const directory = await damaged(headerKey, flip(8));
    await expect(openAt(directory)).rejects.toMatchObject({ code: 'unsupported-format', context: { known: 1 } });
  });
});
