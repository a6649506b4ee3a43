// A get that was given memory of the caller's must be done with it when it settles, also when a try of it was given up: the
// caller uses the memory for something else then.

import { expect, it } from 'vitest';
import { silentLogger } from '../../../src/engine/base/logger.ts';
import { seededRandom } from '../../../src/engine/base/random.ts';
import { VirtualClock } from '../../../src/engine/base/virtual-clock.ts';
import { MemoryStore } from '../../../src/engine/store/memory-store.ts';
import type { GetOptions } from '../../../src/engine/store/object-store.ts';
import { decorate } from '../../../src/engine/store/store.ts';

/** The first get hangs until released, deaf to its signal, and writes into the memory only then. */
class HangingStore extends MemoryStore {
  readonly hang = Promise.withResolvers<void>();
  gets = 0;

  override async get(key: string, options: GetOptions = {}) {
    const { signal: _, ...deaf } = options;
    if (++this.gets === 1) await this.hang.promise;
    return super.get(key, deaf);
  }
}

async function setUp() {
  const clock = new VirtualClock();
  const store = new HangingStore({ clock });
  await store.put('a', [Buffer.from('first')]);
  return { clock, store, retrying: decorate(store, { clock, random: seededRandom(1), logger: silentLogger }) };
}

it('a get into the caller’s memory waits for a hanging try instead of leaving it behind', async () => {
  const { clock, store, retrying } = await setUp();
  const into = Buffer.alloc(5);
  let settled = false;
  const getting = retrying.get('a', { into }).finally(() => {
    settled = true;
  });
  await clock.advance(120_000);
  expect(settled).toBe(false);
  store.hang.resolve();
  expect((await getting).bytes.toString()).toBe('first');
  into.fill(0);
  await clock.advance(120_000);
  expect(into.equals(Buffer.alloc(5))).toBe(true);
});

it('a get into memory of its own is tried again meanwhile', async () => {
  const { clock, retrying } = await setUp();
  const getting = retrying.get('a');
  await clock.advance(30_000);
  expect((await getting).bytes.toString()).toBe('first');
});
