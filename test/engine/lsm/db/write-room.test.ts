import { describe, expect, test } from 'vitest';
import { EngineError } from '../../../../src/engine/base/errors.ts';
import { VirtualClock } from '../../../../src/engine/base/virtual-clock.ts';
import { defaultLsmRules } from '../../../../src/engine/lsm/core/lsm-rules.ts';
import { StoreLife } from '../../../../src/engine/lsm/db/store-life.ts';
import { entryDelayMs, type WriteFill, WriteRoom } from '../../../../src/engine/lsm/db/write-room.ts';

const rules = { ...defaultLsmRules, level0Slowdown: 8, level0Stop: 12 };

test.each([
  [0, 0],
  [7, 0],
  [8, 1],
  [9, 5],
  [10, 22],
  [11, 100],
  [12, Number.POSITIVE_INFINITY],
  [40, Number.POSITIVE_INFINITY],
])('with %d tables in level 0 entries are %d ms apart', (level0, expected) => {
  expect(entryDelayMs(level0, rules)).toBe(expected);
});

test('where slowing begins one table before the stop, the whole delay is taken', () => {
  expect(entryDelayMs(11, { ...rules, level0Slowdown: 11 })).toBe(100);
});

describe('room', () => {
  const setup = () => {
    const clock = new VirtualClock();
    const life = new StoreLife(() => undefined);
    const now: { -readonly [field in keyof WriteFill]: WriteFill[field] } = {
      memtablesFull: false,
      level0: 0,
      stuck: undefined,
    };
    return { clock, life, now, room: new WriteRoom({ clock, rules, life, fill: () => now }) };
  };

  test('is there at once normally', () => {
    const { room } = setup();
    room.applied();
    expect(room.room()).toBeUndefined();
  });

  test('comes when the memtable behind the full one is written out', async () => {
    const { now, room } = setup();
    now.memtablesFull = true;
    const waiting = room.room();
    expect(room.room()).toBe(waiting);
    room.changed();
    now.memtablesFull = false;
    room.changed();
    await waiting;
    expect(room.room()).toBeUndefined();
    expect(room.counters).toEqual({ writesSlowed: 0, writesStopped: 1 });
  });

  test('comes when level 0 has shrunk', async () => {
    const { now, room } = setup();
    now.level0 = 12;
    const waiting = room.room();
    now.level0 = 11;
    room.changed();
    await waiting;
  });

  test('spreads entries out while level 0 is large, and lets each one through in the end', async () => {
    const { clock, now, room } = setup();
    now.level0 = 9;
    expect(room.room()).toBeUndefined();
    room.applied();
    const waiting = room.room();
    expect(waiting).toBeInstanceOf(Promise);
    await clock.advance(5);
    await waiting;
    expect(room.room()).toBeUndefined();
    room.applied();
    await clock.advance(4);
    expect(room.room()).toBeInstanceOf(Promise);
    expect(room.counters).toEqual({ writesSlowed: 2, writesStopped: 0 });
  });

  test('is refused when level 0 is full and stays so because of damage', async () => {
    const { now, room } = setup();
    const damage = new EngineError('corrupt-object', 'a table is damaged');
    now.stuck = damage;
    expect(room.room()).toBeUndefined();
    now.level0 = 12;
    await expect(room.room()).rejects.toBe(damage);
  });

  test('is refused to those who wait already when the damage is found', async () => {
    const { now, room } = setup();
    now.level0 = 12;
    const waiting = room.room();
    const damage = new EngineError('corrupt-object', 'a table is damaged');
    now.stuck = damage;
    room.changed();
    await expect(waiting).rejects.toBe(damage);
  });

  test('is refused once the store is over', async () => {
    const { life, now, room } = setup();
    now.memtablesFull = true;
    const waiting = room.room();
    const error = new EngineError('fenced-term', 'replaced');
    life.giveUp(error);
    await expect(waiting).rejects.toBe(error);
    await expect(room.room()).rejects.toBe(error);
  });
});
