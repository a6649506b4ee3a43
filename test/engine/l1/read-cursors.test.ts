import { describe, expect, it } from 'vitest';
import { offset, timestampMs } from '../../../src/engine/base/ids.ts';
import { VirtualClock } from '../../../src/engine/base/virtual-clock.ts';
import type { L1Place } from '../../../src/engine/l1/l1.ts';
import { ReadCursor, ReadCursors } from '../../../src/engine/l1/read-cursors.ts';
import { objectIdOf, topic } from './l1-stage.ts';

const of = { topicId: topic, partition: 0 };

const place = (base: number, last: number): L1Place => ({
  baseOffset: offset(base),
  lastOffset: offset(last),
  maxTimestamp: timestampMs(-1),
  objectId: objectIdOf(base),
  position: 0,
  length: 1,
  object: { sizeBytes: 100, footerPosition: 1 },
});

function staged(cursorsMax = 10): { clock: VirtualClock; cursors: ReadCursors; stand: (at: number) => ReadCursor } {
  const clock = new VirtualClock();
  const cursors = new ReadCursors({ clock, cursorsMax, idleMs: 60_000 });
  const stand = (at: number) => {
    const cursor = new ReadCursor(of, at);
    cursors.used(cursor);
    return cursor;
  };
  return { clock, cursors, stand };
}

describe('the cursors of readers', () => {
  it('are found where they stand, and move', () => {
    const { cursors, stand } = staged();
    const cursor = stand(5);
    expect(cursors.at(of, offset(5))).toBe(cursor);
    expect(cursors.at({ ...of, partition: 1 }, offset(5))).toBeUndefined();
    cursor.moveTo(9, undefined);
    cursors.used(cursor);
    expect(cursors.at(of, offset(5))).toBeUndefined();
    expect(cursors.at(of, offset(9))).toBe(cursor);
  });

  it('are so many at most: the least recently used goes', () => {
    const { cursors, stand } = staged(3);
    const made = [0, 1, 2].map(stand);
    cursors.used(made[0] as ReadCursor);
    stand(3);
    expect(cursors.count).toBe(3);
    expect(made.map(({ gone }) => gone)).toEqual([false, true, false]);
  });

  it('are gone when they were idle too long', async () => {
    const { clock, cursors, stand } = staged();
    const idle = stand(1);
    await clock.advance(50_000);
    const busy = stand(2);
    await clock.advance(10_001);
    expect(cursors.at(of, offset(1))).toBeUndefined();
    expect(cursors.at(of, offset(2))).toBe(busy);
    expect([idle.gone, busy.gone, cursors.count]).toEqual([true, false, 1]);
  });

  it('at one place are one: the one that reads further ahead', () => {
    const { cursors, stand } = staged();
    const first = stand(1);
    first.window = 5;
    cursors.used(first);
    const second = stand(1);
    expect([first.gone, second.gone]).toEqual([false, true]);
    const third = new ReadCursor(of, 1);
    third.window = 10;
    cursors.used(third);
    expect([first.gone, third.gone]).toEqual([true, false]);
    expect(cursors.sequentialCount).toBe(1);
  });

  it('share what is read ahead with those only that have something to read', () => {
    const { cursors, stand } = staged();
    const [first, second] = [1, 2].map(stand) as [ReadCursor, ReadCursor];
    for (const one of [first, second]) {
      one.window = 5;
      cursors.used(one);
    }
    expect(cursors.sequentialCount).toBe(2);
    first.atEnd = true;
    cursors.used(first);
    expect(cursors.sequentialCount).toBe(1);
    first.atEnd = false;
    cursors.used(first);
    expect(cursors.sequentialCount).toBe(2);
  });

  it('know extents that continue each other, from where they stand on, for all readers of the partition', () => {
    const { cursors, stand } = staged();
    const cursor = stand(0);
    cursor.extend({ from: 0, place: place(3, 9) });
    cursor.extend({ from: 10, place: place(10, 19) });
    cursor.extend({ from: 20, place: place(30, 39) });
    expect(cursors.find(of, 2)?.place.baseOffset).toBe(3);
    expect(cursors.find(of, 25)?.place.baseOffset).toBe(30);
    expect(cursors.find(of, 40)).toBeUndefined();
    cursor.moveTo(15, undefined);
    expect(cursors.find(of, 9)).toBeUndefined();
    cursor.extend({ from: 100, place: place(100, 110) });
    expect(cursors.find(of, 15)).toBeUndefined();
    expect(cursors.find(of, 105)?.from).toBe(100);
    cursors.forget(of);
    expect([cursors.count, cursor.gone, cursors.find(of, 105)]).toEqual([0, true, undefined]);
  });
});
