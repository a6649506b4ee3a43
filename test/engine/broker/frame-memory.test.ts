// How much memory frames may hold while they are read, and that all of it comes back.

import { expect, test } from 'vitest';
import { ByteBudget } from '../../../src/engine/base/byte-budget.ts';
import { SlabPool } from '../../../src/engine/base/slab-pool.ts';
import { FrameAssembler } from '../../../src/engine/broker/frame-assembler.ts';
import { type FrameInReading, FrameMemory } from '../../../src/engine/broker/frame-memory.ts';
import { SlabQueue } from '../../../src/engine/broker/slab-queue.ts';

const kibibyte = 1024;
const mebibyte = 1024 * kibibyte;

function memoryOf(bytesMax: number) {
  const pool = new SlabPool({ slabBytes: 64 * kibibyte, bytesMax });
  const budget = new ByteBudget(bytesMax);
  return { pool, budget, memory: new FrameMemory(new SlabQueue(pool), budget, 100 * mebibyte) };
}

/** How many frames of `length` may be half read at a time. */
function halfRead(memory: FrameMemory, isProduce: boolean, length: number): FrameInReading[] {
  const taken: FrameInReading[] = [];
  for (;;) {
    const reading = memory.tryTake({ isProduce, length, isWhole: false });
    if (reading === undefined) return taken;
    taken.push(reading);
  }
}

test.each([
  ['Produce', true, 16],
  ['other requests', false, 8],
])(
  'half-read frames of %s hold a part, large and small ones each their own; whole ones find the rest',
  (_of, isProduce, small) => {
    const { memory } = memoryOf(64 * mebibyte);
    expect(halfRead(memory, isProduce, 4 * mebibyte)).toHaveLength(8);
    expect(halfRead(memory, isProduce, mebibyte)).toHaveLength(small);
    expect(memory.tryTake({ isProduce, length: mebibyte, isWhole: true })).toBeDefined();
    expect(memory.tryTake({ isProduce, length: 8 * mebibyte, isWhole: true })).toBeDefined();
  },
);

test('one that is larger than the share is read when no other large one is, not refused for ever', () => {
  const { memory } = memoryOf(64 * mebibyte);
  const [only, ...others] = halfRead(memory, true, 40 * mebibyte);
  expect(others).toEqual([]);
  only?.ends();
  only?.frame.release();
  expect(halfRead(memory, true, 40 * mebibyte)).toHaveLength(1);
});

test.each([true, false])(
  'a frame in the queue gets its turn when another is whole; who left is passed over (Produce: %s)',
  async (isProduce) => {
    const { memory, pool, budget } = memoryOf(64 * mebibyte);
    const first = memory.tryTake({ isProduce, length: 30 * mebibyte, isWhole: false });
    const wish = { isProduce, length: 30 * mebibyte, isWhole: false };
    const leave = memory.wait(wish, () => expect.unreachable());
    const turn = new Promise<FrameInReading>((resolve) => memory.wait(wish, resolve));
    leave();
    first?.ends(); // whole and in work now; its memory is still held
    const second = await turn;
    for (const reading of [first, second]) reading?.frame.release();
    second.ends();
    expect(budget.usedBytes).toBe(0);
    expect(pool.pinnedBytes).toBe(isProduce ? 30 * mebibyte : 0); // by the pool itself, which would fill it up
    expect(halfRead(memory, isProduce, 16 * mebibyte)).toHaveLength(2);
  },
);

test('frames of all sizes, cut anywhere, come out as they were sent, and leave nothing behind', () => {
  const { memory, pool, budget } = memoryOf(64 * mebibyte);
  const assembler = new FrameAssembler(memory);
  const sizes = [8, 9, 2_047, 2_048, 2_049, 2_050, 2_051, 5_000, 100_000];
  const sent = Array.from({ length: 60 }, (_, at) => {
    const frame = Buffer.alloc(4 + (sizes[at % sizes.length] as number), at + 1);
    frame.writeInt32BE(frame.length - 4, 0);
    frame.writeInt16BE(at % 2 === 0 ? 0 : 3, 4);
    return frame;
  });
  const stream = Buffer.concat(sent);
  for (const piece of [1, 7, 2_052, 3_000, 65_536]) {
    let at = 0;
    for (let from = 0; from < stream.length; from += piece) {
      const shared = Buffer.from(stream.subarray(from, from + piece));
      assembler.feed(shared);
      for (;;) {
        const next = assembler.next();
        if (next === 'bytes') break;
        if (next === 'memory') throw new Error('there is memory enough');
        expect(next.bytes.equals((sent[at++] as Buffer).subarray(4))).toBe(true);
        next.release();
      }
      assembler.ownChunk();
      shared.fill(0xee); // the read buffer is used again
    }
    expect(at).toBe(sent.length);
  }
  expect(assembler.midFrame).toBe(false);
  assembler.close();
  expect(budget.usedBytes).toBe(0);
  expect(pool.pinnedBytes).toBeLessThanOrEqual(100_000); // the slab that is being filled
});

test('a frame that is given up gives back its share', () => {
  const { memory, budget } = memoryOf(64 * mebibyte);
  for (let round = 0; round < 100; round++) {
    const assembler = new FrameAssembler(memory);
    const begun = Buffer.alloc(4_096);
    begun.writeInt32BE(20 * mebibyte, 0);
    begun.writeInt16BE(3, 4);
    assembler.feed(begun);
    expect(assembler.next()).toBe('bytes');
    expect(budget.usedBytes).toBe(20 * mebibyte);
    assembler.close();
    expect(budget.usedBytes).toBe(0);
  }
});
