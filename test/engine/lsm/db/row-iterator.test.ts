// Iterators of a live store that turn round at any time, while rows are written, flushed and merged under them. What each must show
// is a sorted list that was taken when it was made.

import { expect, test } from 'vitest';
import { type Random, seededRandom } from '../../../../src/engine/base/random.ts';
import type { Key } from '../../../../src/engine/lsm/core/row.ts';
import type { LsmIterator, LsmSnapshot } from '../../../../src/engine/lsm/db/lsm-reads.ts';
import type { LsmStore } from '../../../../src/engine/lsm/db/lsm-store.ts';
import { tinyRules, World } from './crashing-process.ts';

type Row = readonly [key: Key, value: string];
const parts = ['a', 'b', '\0', '\xff', '\xc3\xa9', 'a long beginning of keys/', '\x7f', '\x80'];
const rules = { ...tinyRules, level0Slowdown: 50, level0Stop: 60 };

class Walk {
  readonly #iterator: LsmIterator;
  readonly #rows: readonly Row[];
  #at = -1;

  constructor(iterator: LsmIterator, rows: readonly Row[]) {
    this.#iterator = iterator;
    this.#rows = rows;
  }

  async step(choice: number, key: Key): Promise<void> {
    const wait = this.#move(this.#rows[this.#at] === undefined ? choice % 4 : choice, key);
    if (wait !== undefined) await wait;
    const { valid } = this.#iterator;
    const shown = valid ? [this.#iterator.key, this.#iterator.value().toString()] : undefined;
    expect(shown).toEqual(this.#rows[this.#at]);
  }

  #move(choice: number, key: Key): Promise<void> | undefined {
    const iterator = this.#iterator;
    const rows = this.#rows;
    switch (choice) {
      case 0:
        this.#at = 0;
        return iterator.first();
      case 1:
        this.#at = rows.length - 1;
        return iterator.last();
      case 2: {
        const found = rows.findIndex(([other]) => other >= key);
        this.#at = found < 0 ? rows.length : found;
        return iterator.seek(key);
      }
      case 3:
        this.#at = rows.findLastIndex(([other]) => other <= key);
        return iterator.seekReverse(key);
      default:
        this.#at += choice % 2 === 0 ? 1 : -1;
        return choice % 2 === 0 ? iterator.next() : iterator.previous();
    }
  }

  release(): void {
    this.#iterator[Symbol.dispose]();
  }
}

class Walks {
  readonly #pick: (below: number) => number;
  readonly #keys: readonly Key[];
  readonly #rows = new Map<Key, string>();
  #walks: Walk[] = [];
  #pinned: { readonly snapshot: LsmSnapshot; readonly rows: ReadonlyMap<Key, string> } | undefined;

  constructor(random: Random) {
    this.#pick = (below) => Math.floor(random.fraction() * below);
    this.#keys = Array.from({ length: 50 }, () => this.#newKey());
  }

  #newKey(): Key {
    let key = '';
    do key += parts[this.#pick(parts.length)];
    while (this.#pick(5) < 3);
    return key;
  }

  #key(): Key {
    return this.#pick(2) === 0 ? this.#newKey() : (this.#keys[this.#pick(this.#keys.length)] as Key);
  }

  async step(world: World, lsm: LsmStore, step: number): Promise<void> {
    const dice = this.#pick(100);
    if (dice < 35) this.#write(world, lsm, step);
    else if (dice < 40) await lsm.flush();
    else if (dice < 42) lsm.flush().catch(() => {});
    else if (dice < 43) await lsm.compact();
    else if (dice < 50) await new Promise((resolve) => setImmediate(resolve));
    else if (dice < 53) this.#pin(lsm);
    else if (dice < 60) this.#begin(lsm);
    else for (const walk of this.#walks) for (let n = 4; n > 0; n--) await walk.step(this.#pick(12), this.#key());
  }

  #write(world: World, lsm: LsmStore, step: number): void {
    const changes = Array.from({ length: 3 }, () => {
      const key = this.#keys[this.#pick(this.#keys.length)] as Key;
      if (this.#pick(3) > 0) return { key, value: Buffer.from(`${step} ${'y'.repeat(this.#pick(60))}`) };
      return { key, value: undefined };
    });
    for (const { key, value } of changes) {
      if (value === undefined) this.#rows.delete(key);
      else this.#rows.set(key, value.toString());
    }
    lsm.apply(world.log.append(changes));
  }

  #pin(lsm: LsmStore): void {
    this.#pinned?.snapshot[Symbol.dispose]();
    this.#pinned = { snapshot: lsm.snapshot(), rows: new Map(this.#rows) };
  }

  #begin(lsm: LsmStore): void {
    const pinned = this.#pick(2) === 0 ? this.#pinned : undefined;
    const lower = this.#pick(5) < 2 ? this.#key() : undefined;
    const upper = this.#pick(5) < 2 ? this.#key() : undefined;
    const inside = [...(pinned?.rows ?? this.#rows)].filter(
      ([key]) => (lower === undefined || key >= lower) && (upper === undefined || key < upper),
    );
    const iterator = lsm.iterator({
      ...(lower === undefined ? {} : { lower }),
      ...(upper === undefined ? {} : { upper }),
      ...(pinned === undefined ? {} : { snapshot: pinned.snapshot }),
      sequential: this.#pick(2) === 0,
    });
    this.#walks.push(
      new Walk(
        iterator,
        inside.sort(([a], [b]) => (a < b ? -1 : 1)),
      ),
    );
    if (this.#walks.length > 4) this.#walks.shift()?.release();
  }

  release(): void {
    for (const walk of this.#walks.splice(0)) walk.release();
    this.#pinned?.snapshot[Symbol.dispose]();
  }
}

test.each([1, 2, 3, 4, 5, 6, 7, 8])('it shows what was there when it was made, history %i', async (seed) => {
  const compression = seed % 2 === 0 ? 'zstd' : 'none';
  const world = new World({ random: seededRandom(seed + 1000), rules: { ...rules, compression } });
  const { lsm } = await world.start();
  const walks = new Walks(seededRandom(seed));
  for (let step = 0; step < 250; step++) await walks.step(world, lsm, step);
  walks.release();
  expect(lsm.stats()).toMatchObject({ snapshots: 0 });
  expect(lsm.stats().counters.compactions).toBeGreaterThan(0);
  await lsm[Symbol.asyncDispose]();
});
