import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../../src/engine/base/random.ts';
import type { Version } from '../../../../src/engine/lsm/core/row.ts';
import { MergingCursor } from '../../../../src/engine/lsm/db/merging-cursor.ts';
import { ListedCursor, shown, walkTogether } from './listed-versions.ts';

const keys = Array.from({ length: 12 }, (_, at) => `k${at.toString(36)}`);

function randomLists(pick: (below: number) => number): Version[][] {
  const lists: Version[][] = Array.from({ length: pick(6) }, () => []);
  let sequence = 1;
  for (let row = pick(60); row > 0 && lists.length > 0; row--) {
    const value = pick(4) === 0 ? undefined : Buffer.from(`v${sequence}`);
    (lists[pick(lists.length)] as Version[]).push({ key: keys[pick(keys.length)] as string, sequence, value });
    sequence += 1;
  }
  return lists;
}

describe('a merging cursor', () => {
  it.each(Array.from({ length: 60 }, (_, seed) => seed))(
    'walks like a single sorted list, both ways, with and without waiting: seed %i',
    async (seed) => {
      const random = seededRandom(seed);
      const pick = (below: number) => Math.floor(random.fraction() * below);
      const lists = randomLists(pick);
      const waits = seed % 2 === 0 ? () => false : () => pick(3) === 0;
      const merged = new MergingCursor(lists.map((list) => new ListedCursor(list, waits)));
      expect(await walkTogether(merged, new ListedCursor(lists.flat()), pick, keys, 200)).toEqual([]);
    },
  );

  it('places its children at the same time', async () => {
    let moving = 0;
    let most = 0;
    const slow = (list: Version[]) => {
      const cursor = new ListedCursor(list);
      cursor.first = () => {
        most = Math.max(most, ++moving);
        return Promise.resolve().then(() => {
          moving--;
          ListedCursor.prototype.seek.call(cursor, '', 0);
        });
      };
      return cursor;
    };
    const value = Buffer.from('x');
    const merged = new MergingCursor([
      slow([{ key: 'a', sequence: 1, value }]),
      slow([{ key: 'b', sequence: 2, value }]),
    ]);
    await merged.first();
    expect([most, shown(merged)]).toEqual([2, 'a@1=x']);
  });

  it('stands nowhere after a child failed, and is right again after the next seek', async () => {
    let failing = false;
    const value = Buffer.from('x');
    const child = new ListedCursor(
      ['a', 'b', 'c'].map((key) => ({ key, sequence: 1, value })),
      () => false,
    );
    const next = child.next.bind(child);
    child.next = () => (failing ? Promise.reject(new Error('torn')) : next());
    const merged = new MergingCursor([child, new ListedCursor([{ key: 'bb', sequence: 2, value }])]);
    void merged.first();
    failing = true;
    await expect(merged.next()).rejects.toThrow('torn');
    expect(merged.valid).toBe(false);
    failing = false;
    void merged.seek('b', 9);
    void merged.next();
    expect(shown(merged)).toBe('bb@2=x');
  });

  it('of nothing is nowhere', () => {
    const merged = new MergingCursor([]);
    void merged.first();
    expect(merged.valid).toBe(false);
    void merged.seekBefore('z', 1);
    expect(merged.valid).toBe(false);
  });
});
