import { describe, expect, it } from 'vitest';
import { ByteBudget } from '../../../src/engine/base/byte-budget.ts';
import { SlabPool, type SlabRange } from '../../../src/engine/base/slab-pool.ts';

const pool = () => new SlabPool({ slabBytes: 1000, bytesMax: 3000 });

function take(from: SlabPool, bytes: number): SlabRange {
  const range = from.allocate(bytes);
  if (range === undefined) throw new Error('nothing free');
  return range;
}

describe('the slab pool', () => {
  it('never holds more than its limit, and says so instead of growing', () => {
    const made = pool();
    const held = [take(made, 1000), take(made, 1000), take(made, 1000)];
    expect(made.allocate(1)).toBeUndefined();
    expect(made.heldBytes).toBe(3000);
    held[0]?.unpin();
    expect(made.allocate(1)).toBeDefined();
    expect(made.heldBytes).toBe(3000);
  });

  it('keeps unpinned bytes readable until the memory is wanted again, oldest first', () => {
    const made = pool();
    const ranges = [1, 2, 3].map((mark) => {
      const range = take(made, 1000);
      range.bytes.fill(mark);
      range.unpin();
      return range;
    });
    const [first, second] = ranges as [SlabRange, SlabRange];
    expect(first.pin()).toBe(true);
    first.unpin();
    // The first was just used, the second is the oldest now.
    take(made, 1000);
    expect(second.pin()).toBe(false);
    expect(first.pin()).toBe(true);
    expect(first.bytes[0]).toBe(1);
  });

  it('makes room for a range larger than a slab by giving slabs back', () => {
    const made = pool();
    for (let at = 0; at < 3; at++) take(made, 1000).unpin();
    const large = take(made, 2500);
    expect(large.bytes.length).toBe(2500);
    expect(made.heldBytes).toBeLessThanOrEqual(3000);
    expect(made.allocate(4000)).toBeUndefined();
  });

  it('lets slices share the fate of their range', () => {
    const made = pool();
    const range = take(made, 100);
    range.bytes.write('hello', 10);
    const slice = range.slice(10, 5);
    expect(slice.bytes.toString()).toBe('hello');
    range.unpin();
    for (let at = 0; at < 4; at++) take(made, 1000).unpin();
    expect(slice.pin()).toBe(false);
  });

  it('wakes who waits when memory becomes free', async () => {
    const made = pool();
    const held = [take(made, 1000), take(made, 1000), take(made, 1000)];
    let woken = false;
    const waiting = made.whenFree().then(() => {
      woken = true;
    });
    await Promise.resolve();
    expect(woken).toBe(false);
    for (const range of held) range.unpin();
    await waiting;
    expect(take(made, 1000).length).toBe(1000);
  });
});

describe('a byte budget', () => {
  it('lets callers through in their order, and never beyond the limit', async () => {
    const budget = new ByteBudget(100);
    const order: string[] = [];
    const first = await budget.take(80);
    const big = budget.take(90).then((giveBack) => {
      order.push('big');
      return giveBack;
    });
    const small = budget.take(10).then((giveBack) => {
      order.push('small');
      return giveBack;
    });
    await Promise.resolve();
    expect(order).toEqual([]);
    first();
    (await big)();
    (await small)();
    expect(order).toEqual(['big', 'small']);
    expect(budget.usedBytes).toBe(0);
  });

  it('lets one request larger than the limit through alone', async () => {
    const budget = new ByteBudget(100);
    const giveBack = await budget.take(1000);
    expect(budget.usedBytes).toBe(100);
    giveBack();
  });
});
