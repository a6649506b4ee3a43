import { describe, expect, test } from 'vitest';
import { incarnation, term } from '../../../../src/engine/base/ids.ts';
import { VirtualClock } from '../../../../src/engine/base/virtual-clock.ts';
import type { LsmRules } from '../../../../src/engine/lsm/core/lsm-rules.ts';
import { TableWriter } from '../../../../src/engine/lsm/db/table-writer.ts';
import { WorkSlices } from '../../../../src/engine/lsm/db/work-slices.ts';
import type { BuiltTable } from '../../../../src/engine/lsm/sst/table-builder.ts';
import type { TableInfo } from '../../../../src/engine/lsm/sst/table-info.ts';
import { tinyRules } from './crashing-process.ts';

const value = Buffer.alloc(100, 'x');

function setup(waits: () => Promise<void> = async () => undefined, rules: LsmRules = tinyRules) {
  let number = 0;
  const steps = { aside: 0 };
  const slices = new WorkSlices(new VirtualClock(), async () => void steps.aside++);
  const underWay = { now: 0, most: 0 };
  const upload = async ({ facts }: BuiltTable): Promise<TableInfo> => {
    const name = { incarnation: incarnation(1), term: term(1), number: ++number };
    underWay.now += 1;
    underWay.most = Math.max(underWay.most, underWay.now);
    try {
      await waits();
    } finally {
      underWay.now -= 1;
    }
    return { name, ...facts };
  };
  const writer = new TableWriter(rules, upload, slices);
  const write = async (key: string, sequence: number, cut = false) => {
    await writer.begin(key, cut);
    writer.add(key, sequence, value);
  };
  return { writer, write, underWay, steps };
}

test('a table is closed at its size, and the tables come in the order of their keys', async () => {
  const { writer, write, underWay } = setup(() => new Promise((resolve) => void setImmediate(resolve)));
  for (let at = 100; at < 150; at++) await write(`row${at}`, at);
  const tables = await writer.finish();
  expect(tables.map(({ name }) => name.number)).toEqual(tables.map((_, at) => at + 1));
  expect(tables.reduce((sum, { entries }) => sum + entries, 0)).toBe(50);
  for (const [at, { smallest }] of tables.entries()) {
    if (at > 0) expect(smallest > (tables[at - 1] as TableInfo).largest).toBe(true);
  }
  expect(tables.length).toBeGreaterThan(4);
  expect(underWay.most).toBe(1);
});

test('versions of one key stay in one table, however many they are', async () => {
  const { writer, write } = setup();
  await write('a', 99);
  for (let sequence = 90; sequence > 50; sequence--) await write('b', sequence);
  await write('c', 99);
  const tables = await writer.finish();
  expect(tables.map(({ smallest, largest, entries }) => `${smallest}-${largest} ${entries}`)).toEqual([
    'a-b 41',
    'c-c 1',
  ]);
});

test('a cut closes a table early, but never an empty one', async () => {
  const { writer, write } = setup();
  await write('a', 1, true);
  await write('b', 1);
  await write('c', 1, true);
  expect((await writer.finish()).map(({ largest }) => largest)).toEqual(['b', 'c']);
});

test('nothing written gives no table', async () => {
  expect(await setup().writer.finish()).toEqual([]);
});

describe('an upload that fails', () => {
  test('fails the merge when the next table is full, or at the end', async () => {
    const { writer, write } = setup(() => Promise.reject(new Error('refused')));
    await write('a', 1);
    await expect(writer.finish()).rejects.toThrow('refused');
  });

  test('is waited for when the merge is abandoned, which tells what is in the bucket for nothing', async () => {
    let calls = 0;
    const { writer, write, underWay } = setup(async () => {
      calls += 1;
      await new Promise((resolve) => setImmediate(resolve));
      if (calls === 2) throw new Error('refused');
    });
    await write('a', 1);
    await write('b', 1, true);
    await write('c', 1, true);
    const left = await writer.abandon();
    expect(underWay.now).toBe(0);
    expect(left.map(({ largest }) => largest)).toEqual(['a']);
  });
});

test('a large table is finished in steps, between which others run', async () => {
  const { writer, steps } = setup(undefined, { ...tinyRules, tableBytes: 2 ** 30 });
  for (let at = 0; at < 60_000; at++) writer.add(String(at).padStart(6, '0'), at, undefined);
  const [table] = await writer.finish();
  expect(table?.entries).toBe(60_000);
  expect(steps.aside).toBeGreaterThanOrEqual(3);
});
