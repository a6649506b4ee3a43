import { describe, expect, it } from 'vitest';
import { OpenTables } from '../../../../src/engine/lsm/db/open-tables.ts';
import type { TableInfo } from '../../../../src/engine/lsm/sst/table-info.ts';
import type { TableReader } from '../../../../src/engine/lsm/sst/table-reader.ts';
import { listedTable } from './listed-versions.ts';

function stage(tables: number, memoryBytesMax: number) {
  const readers = Array.from({ length: tables }, (_, at) =>
    listedTable([{ key: `k${at}`, sequence: at + 1, value: Buffer.from('x') }]),
  );
  const infos = readers.map(({ info }) => info);
  const opened: number[] = [];
  const closed: number[] = [];
  const numberOf = (info: TableInfo) => infos.findIndex((one) => one.name.number === info.name.number);
  const trouble: { failures: number; underWay: number; most: number } = { failures: 0, underWay: 0, most: 0 };
  const open = new OpenTables({
    open: async (info) => {
      opened.push(numberOf(info));
      trouble.most = Math.max(trouble.most, ++trouble.underWay);
      await Promise.resolve();
      trouble.underWay--;
      if (trouble.failures-- > 0) throw new Error('store is away');
      return readers[numberOf(info)] as TableReader;
    },
    onClose: ({ info }) => closed.push(numberOf(info)),
    memoryBytesMax,
  });
  return { open, infos, opened, closed, trouble, handle: (at: number) => open.handle(infos[at] as TableInfo) };
}

describe('open tables', () => {
  it('open a table once for all who ask at the same time, and answer at once from then on', async () => {
    const { open, opened, handle } = stage(1, 1000);
    const [first, second] = await Promise.all([open.reader(handle(0)), open.reader(handle(0))]);
    expect(first).toBe(second);
    expect(open.reader(handle(0))).toBe(first);
    expect(opened).toEqual([0]);
  });

  it('try again after a failure', async () => {
    const { open, opened, trouble, handle } = stage(1, 1000);
    trouble.failures = 1;
    await expect(open.reader(handle(0))).rejects.toThrow('away');
    await open.reader(handle(0));
    expect([opened, open.openCount]).toEqual([[0, 0], 1]);
  });

  it('stay within their limit: the one that was used longest ago is closed', async () => {
    const { open, closed, handle } = stage(4, 300);
    for (const at of [0, 1, 2]) await open.reader(handle(at));
    void open.reader(handle(0));
    await open.reader(handle(3));
    expect(closed).toEqual([1]);
    expect([open.memoryBytes, open.openCount]).toEqual([300, 3]);
  });

  it('stay within it through any order of use', async () => {
    const { open, handle } = stage(20, 700);
    for (let step = 0; step < 200; step++) {
      await open.reader(handle((step * 7 + (step >> 3)) % 20));
      expect(open.memoryBytes).toBeLessThanOrEqual(700);
    }
  });

  it('keep those that a cursor stands in, and close them when it has left', async () => {
    const { open, closed, handle } = stage(3, 100);
    for (const at of [0, 1]) {
      open.enter(handle(at));
      await open.reader(handle(at));
    }
    expect([closed, open.memoryBytes]).toEqual([[], 200]);
    open.leave(handle(0));
    expect([closed, open.memoryBytes]).toEqual([[0], 100]);
    await open.reader(handle(2));
    expect(closed).toEqual([0]);
    open.leave(handle(1));
    expect([closed, open.memoryBytes]).toEqual([[0, 1], 100]);
  });

  it('are opened together for a cold start, so many at a time, until the limit', async () => {
    const all = stage(10, 10_000);
    await all.open.openAll(all.infos, 4);
    expect([all.opened, all.trouble.most, all.open.openCount]).toEqual([[0, 1, 2, 3, 4, 5, 6, 7, 8, 9], 4, 10]);
    const some = stage(10, 300);
    await some.open.openAll(some.infos, 1);
    expect([some.opened, some.closed]).toEqual([[0, 1, 2], []]);
  });

  it('forget a table that is dropped, also when it was just being opened', async () => {
    const { open, closed, handle } = stage(2, 1000);
    await open.reader(handle(0));
    open.drop(handle(0));
    expect([closed, open.memoryBytes]).toEqual([[0], 0]);
    const opening = open.reader(handle(1));
    open.drop(handle(1));
    expect((await opening).info.smallest).toBe('k1');
    expect([open.openCount, open.memoryBytes]).toEqual([0, 0]);
  });
});
