import { describe, expect, test } from 'vitest';
import {
  chooseProtocol,
  electLeader,
  furtherInitialDelay,
  hasRoom,
  rebalanceTimeoutMs,
} from '../../../src/engine/coordinator/rebalance-policy.ts';

const voter = (...names: string[]) => ({ protocols: names.map((name) => ({ name })) });

describe('the protocol', () => {
  test.each([
    ['nobody votes', [], undefined],
    ['one voter: its first', [voter('range', 'sticky')], 'range'],
    ['only what all have', [voter('range', 'sticky'), voter('sticky')], 'sticky'],
    ['nothing in common', [voter('range'), voter('sticky')], undefined],
    ['most votes', [voter('a', 'b'), voter('b', 'a'), voter('b', 'a')], 'b'],
    ['between equals the first voter decides', [voter('b', 'a'), voter('a', 'b')], 'b'],
    [
      'a favourite that not all have gives its vote to the next',
      [voter('x', 'a', 'b'), voter('b', 'a'), voter('a', 'b')],
      'a',
    ],
  ])('%s', (_, voters, chosen) => expect(chooseProtocol(voters)).toBe(chosen));
});

describe('the leader', () => {
  const member = (id: string, joined: boolean) => ({ id, waitingJoin: joined ? 'waits' : undefined });
  test.each([
    ['stays when it has joined', 'b', [member('a', true), member('b', true)], 'b'],
    [
      'is the first that has joined, when the old one has not',
      'b',
      [member('a', false), member('b', false), member('c', true)],
      'c',
    ],
    ['is nobody when nobody has joined', 'a', [member('a', false)], undefined],
    ['is nobody in a group without members', null, [], undefined],
  ])('%s', (_, old, members, leader) => expect(electLeader(old, members)).toBe(leader));
});

test('a rebalance may take as long as its slowest member needs', () => {
  expect(rebalanceTimeoutMs([])).toBe(0);
  expect(rebalanceTimeoutMs([{ rebalanceTimeoutMs: 5 }, { rebalanceTimeoutMs: 9 }])).toBe(9);
});

describe('room', () => {
  const max = 2;
  test.each([
    ['empty', 'Empty', 0, 0, false, false, true],
    ['stable, one seat left', 'Stable', 1, 0, false, false, true],
    ['stable, full', 'Stable', 2, 0, false, false, false],
    ['stable, full, but a member', 'Stable', 2, 0, true, false, true],
    ['a rebalance counts those who wait', 'PreparingRebalance', 5, 1, false, false, true],
    ['and lets the last ones out when the limit was lowered', 'PreparingRebalance', 5, 2, true, false, false],
    ['but none that waits already', 'PreparingRebalance', 5, 2, true, true, true],
  ] as const)('%s', (_, phase, members, waiting, isMember, isWaiting, room) =>
    expect(hasRoom(phase, { members, waiting, max }, { isMember, isWaiting })).toBe(room),
  );
});

test('the first wait of a group is repeated while it grows, until its rebalance timeout is used up', () => {
  expect(furtherInitialDelay({ delayMs: 3, remainingMs: 7 }, false)).toBeUndefined();
  expect(furtherInitialDelay({ delayMs: 3, remainingMs: 7 }, true)).toEqual({ delayMs: 3, remainingMs: 4 });
  expect(furtherInitialDelay({ delayMs: 3, remainingMs: 1 }, true)).toEqual({ delayMs: 1, remainingMs: 0 });
  expect(furtherInitialDelay({ delayMs: 1, remainingMs: 0 }, true)).toBeUndefined();
});
