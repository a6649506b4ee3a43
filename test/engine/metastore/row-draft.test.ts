// A draft over a domain reads like the domain would after its changes were committed.

import { describe, expect, test } from 'vitest';
import type { ScanOptions } from '../../../src/engine/domain/domain.ts';
import { RowDraft } from '../../../src/engine/metastore/row-draft.ts';
import { MemoryDomain } from './memory-domain.ts';
import { HistoryDice } from './metastore-history.ts';

const keyOf = (at: number) => `${at % 2 === 0 ? 'even' : 'odd'}/${String(at).padStart(3, '0')}`;

function randomBounds(dice: HistoryDice): ScanOptions {
  const key = () => keyOf(dice.below(60));
  return {
    ...(dice.chance(60) ? { prefix: dice.pick(['even/', 'odd/', 'even/0', 'none/']) as string } : {}),
    ...(dice.chance(40) ? { from: key() } : {}),
    ...(dice.chance(40) ? { after: key() } : {}),
    ...(dice.chance(40) ? { before: key() } : {}),
    ...(dice.chance(50) ? { reverse: true } : {}),
    ...(dice.chance(70) ? { limit: dice.below(8) } : {}),
  };
}

describe('a draft', () => {
  test.each([1, 2, 3])('reads like the domain it will become (seed %i)', async (seed) => {
    const dice = new HistoryDice(seed);
    const domain = new MemoryDomain();
    const twin = new MemoryDomain();
    for (let at = 0; at < 60; at++) {
      if (dice.chance(50)) continue;
      const change = { key: keyOf(at), value: Buffer.from([at]) };
      domain.apply(change);
      twin.apply(change);
    }
    const draft = new RowDraft(domain);
    for (let round = 0; round < 400; round++) {
      const key = keyOf(dice.below(60));
      const value = dice.chance(50) ? undefined : Buffer.from([round & 0xff]);
      if (value === undefined) draft.delete(key);
      else draft.put(key, value);
      twin.apply({ key, value });
      const bounds = randomBounds(dice);
      expect(await draft.scan(bounds), JSON.stringify(bounds)).toEqual(await twin.scan(bounds));
      expect(await draft.get(key)).toEqual(await twin.get(key));
    }
    await domain.write(draft.changes());
    expect(await domain.scan({})).toEqual(await twin.scan({}));
  });

  test('looks for the first row behind a thousand deleted ones in few reads', async () => {
    const domain = new MemoryDomain();
    for (let at = 0; at < 999; at += 2) domain.apply({ key: keyOf(at), value: Buffer.from([1]) });
    const draft = new RowDraft(domain);
    for (let at = 4; at < 996; at += 2) draft.delete(keyOf(at));
    for (const [reverse, found] of [
      [false, 996],
      [true, 2],
    ] as const) {
      domain.reads = 0;
      const bounds = reverse ? { before: keyOf(996) } : { after: keyOf(2) };
      const [row] = await draft.scan({ prefix: 'even/', ...bounds, reverse, limit: 1 });
      expect(row?.key).toBe(keyOf(found));
      expect(domain.reads).toBeLessThan(10);
    }
  });

  test('knows what its changes take in a log entry, each key once', () => {
    const draft = new RowDraft(new MemoryDomain());
    draft.put('a/1', Buffer.alloc(10));
    draft.put('a/1', Buffer.alloc(20));
    draft.delete('a/2');
    expect(draft.bytes).toBe(RowDraft.bytesOf('a/1', Buffer.alloc(20)) + RowDraft.bytesOf('a/2', undefined));
    expect(draft.changes().map((change) => change.key)).toEqual(['a/1', 'a/2']);
  });
});
