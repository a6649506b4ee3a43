// What rounds read L0 data into is used again, and reserved and kept memory together have one bound.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { memoryFor, ReadMemory, type ReadReservation } from '../../../src/engine/reconciler/read-memory.ts';

const kibibyte = 1024;
const mebibyte = 1024 * kibibyte;

describe('what a read is charged with', () => {
  it('is what it needs and at most an eighth more, the same for lengths that are about the same', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1024 * mebibyte }), (length) => {
        const charged = memoryFor(length);
        expect(charged).toBeGreaterThanOrEqual(length);
        expect(charged).toBeLessThanOrEqual(length * 1.125);
        expect(memoryFor(charged)).toBe(charged);
      }),
    );
    expect(memoryFor(4 * mebibyte + 1)).toBe(memoryFor(4 * mebibyte + 300 * kibibyte));
    expect(memoryFor(1000)).toBe(1000);
  });
});

describe('memory for reads', () => {
  const reserved = (memory: ReadMemory, length: number): ReadReservation => {
    const reservation = memory.tryReserve(length);
    if (reservation === undefined) throw new Error('there is no room');
    return reservation;
  };

  it('is used again by the next read of about the same length, also where all of it was reserved before', () => {
    const memory = new ReadMemory(16 * mebibyte);
    const one = reserved(memory, 4 * mebibyte);
    const first = one.take();
    one.giveBack(first);
    const [next] = [1, 2, 3, 4].map(() => reserved(memory, 4 * mebibyte - 1000)) as [ReadReservation];
    expect(memory.tryReserve(mebibyte)).toBeUndefined();
    const second = next.take();
    expect(second.buffer).toBe(first.buffer);
    expect(second.length).toBe(4 * mebibyte - 1000);
    expect(memory.freeBytes).toBe(0);
  });

  it('never exceeds its bound with what it keeps', () => {
    const lengths = fc.array(fc.integer({ min: 1, max: 3 * mebibyte }), { maxLength: 60 });
    fc.assert(
      fc.property(lengths, (all) => {
        const memory = new ReadMemory(8 * mebibyte);
        const held: { readonly reservation: ReadReservation; readonly bytes: Buffer }[] = [];
        for (const [at, length] of all.entries()) {
          let reservation = memory.tryReserve(length);
          while (reservation === undefined) {
            const oldest = held.shift() as (typeof held)[number];
            oldest.reservation.giveBack(at % 5 === 0 ? undefined : oldest.bytes);
            reservation = memory.tryReserve(length);
          }
          held.push({ reservation, bytes: reservation.take() });
          const inUse = held.reduce((sum, { bytes }) => sum + bytes.buffer.byteLength, 0);
          expect(inUse).toBe(memory.usedBytes);
          expect(inUse + memory.freeBytes).toBeLessThanOrEqual(8 * mebibyte);
          expect(new Set(held.map(({ bytes }) => bytes.buffer)).size).toBe(held.length);
        }
      }),
      { numRuns: 50 },
    );
  });

  it('is forgotten where a read failed', () => {
    const memory = new ReadMemory(16 * mebibyte);
    const one = reserved(memory, mebibyte);
    one.take();
    one.giveBack();
    expect(memory.usedBytes).toBe(0);
    expect(memory.freeBytes).toBe(0);
  });

  it('is let go of by a round that read nothing', () => {
    const memory = new ReadMemory(16 * mebibyte);
    const one = reserved(memory, mebibyte);
    one.giveBack(one.take());
    memory.rest();
    expect(memory.freeBytes).toBe(mebibyte);
    memory.rest();
    expect(memory.freeBytes).toBe(0);
  });
});
