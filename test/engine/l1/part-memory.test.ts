// Blocks of memory go from one part to the next and from one object to the next, and what is kept of them has a bound.

import { describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/engine/base/clock.ts';
import { PartMemory } from '../../../src/engine/l1/part-memory.ts';
import { PartUpload } from '../../../src/engine/l1/part-upload.ts';
import { MemoryStore } from '../../../src/engine/store/memory-store.ts';

const partBytes = 4096;

const upload = (store: MemoryStore, key: string, memory: PartMemory): PartUpload =>
  new PartUpload({ store, key, partBytes, memory, step: () => {} });

const newStore = (): MemoryStore => new MemoryStore({ clock: systemClock, partBytesMin: 1 });

describe('memory for parts', () => {
  it('is kept for the next object when one is finished, within its bound', async () => {
    const memory = new PartMemory({ partBytes, keptBytesMax: 2 * partBytes });
    const store = newStore();
    for (const key of ['first', 'second']) {
      const one = upload(store, key, memory);
      for (let count = 0; count < 5; count++) {
        one.append(Buffer.alloc(partBytes, key.length));
        await one.room();
      }
      await one.finish();
      expect(one.memoryBytes).toBe(0);
      expect(memory.freeBytes).toBeGreaterThan(0);
      expect(memory.freeBytes).toBeLessThanOrEqual(2 * partBytes);
    }
    const { bytes } = await store.get('first');
    expect(bytes.equals(Buffer.alloc(5 * partBytes, 'first'.length))).toBe(true);
  });

  it('gives the same block again, and no more than it may keep', () => {
    const memory = new PartMemory({ partBytes, keptBytesMax: partBytes });
    const blocks = [memory.take(), memory.take()];
    memory.giveBack(blocks);
    expect(memory.freeBytes).toBe(partBytes);
    expect(memory.take()).toBe(blocks[0]);
    expect(memory.take()).not.toBe(blocks[1]);
  });

  it('takes back nothing that a failed call may still be reading', async () => {
    const memory = new PartMemory({ partBytes, keptBytesMax: 8 * partBytes });
    const one = upload(newStore(), 'not a key/', memory);
    one.append(Buffer.alloc(partBytes * 2));
    await expect(one.finish()).rejects.toThrow();
    await one.abort();
    expect(memory.freeBytes).toBe(0);
  });
});
