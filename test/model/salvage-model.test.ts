// Salvage by example: what joins the chain, what does not, and where it ends.

import { describe, expect, it } from 'vitest';
import { noStamp, type Stamp } from '../../src/engine/base/ids.ts';
import { stampOf } from './batch-model.ts';
import { batchesAfterRestore, type SalvageBatch, salvage, salvageFromNothing } from './salvage-model.ts';

interface NamedBatch extends SalvageBatch {
  readonly name: string;
}

const batch = (name: string, baseOffset: number, lastOffset: number, stamp: Stamp, link: Stamp): NamedBatch => ({
  name,
  baseOffset,
  lastOffset,
  stamp,
  link,
});

const names = (batches: Iterable<NamedBatch>) => [...batches].map(({ name }) => name).join(' ');
const first = stampOf(1, 1, 0);
const retried = stampOf(1, 1, 1);
const second = stampOf(1, 2, 0);
const restored = stampOf(2, 1, 0);

describe('salvage', () => {
  it('follows batches in whatever order they are found, and stops at the first hole', () => {
    const batches = [
      batch('d', 9, 9, first, first),
      batch('b', 2, 4, first, first),
      batch('a', 0, 1, first, noStamp),
      batch('c', 5, 5, first, first),
    ];
    const { chain, nextOffset, endStamp } = salvage(salvageFromNothing, batches);
    expect(names(chain)).toBe('a b c');
    expect(nextOffset).toBe(6);
    expect(endStamp).toEqual(first);
  });

  it('starts at the flushed row and takes only what links to the batch below it', () => {
    const batches = [
      batch('below', 0, 3, first, noStamp),
      batch('dead', 4, 4, second, retried),
      batch('live', 4, 6, second, first),
    ];
    expect(names(salvage({ nextOffset: 4, stampBelow: first }, batches).chain)).toBe('live');
  });

  it('takes the highest stamp of those that follow the same batch', () => {
    const batches = [
      batch('a', 0, 0, first, noStamp),
      batch('failed', 1, 5, first, first),
      batch('new leader', 1, 1, second, first),
      batch('retried', 1, 2, retried, first),
    ];
    expect(names(salvage(salvageFromNothing, batches).chain)).toBe('a new leader');
  });

  it('leaves out what a deposed leader uploaded further up', () => {
    const batches = [
      batch('a', 0, 0, first, noStamp),
      batch('old b', 1, 2, first, first),
      batch('old c', 3, 3, first, first),
      batch('new b', 1, 2, second, first),
    ];
    expect(names(salvage(salvageFromNothing, batches).chain)).toBe('a new b');
  });

  it('tells where two batches have the same stamp and link, which no leader makes', () => {
    const batches = [batch('a', 0, 0, first, noStamp), batch('b', 0, 1, first, noStamp)];
    expect(salvage(salvageFromNothing, batches).ambiguousAt).toEqual([0]);
    expect(salvage(salvageFromNothing, batches.slice(1)).ambiguousAt).toEqual([]);
  });

  it('refuses a batch that ends before it begins', () => {
    expect(() => salvage(salvageFromNothing, [batch('a', 0, -1, first, noStamp)])).toThrow('ends before it begins');
  });

  it('after a restore keeps to what the record names and to what came later', () => {
    const chosen = batch('chosen', 0, 0, first, noStamp);
    const late = batch('late', 0, 2, second, noStamp);
    const next = batch('next', 1, 1, restored, first);
    const record = { incarnation: 2, names: (one: NamedBatch) => one === chosen };
    expect(names(salvage(salvageFromNothing, batchesAfterRestore([late, chosen, next], record)).chain)).toBe(
      'chosen next',
    );
    expect(names(salvage(salvageFromNothing, batchesAfterRestore([late, chosen, next], undefined)).chain)).toBe('late');
  });
});
