import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { TurnGate } from '../../../src/engine/base/turn-gate.ts';

/** What passed in each turn of the event loop. */
async function turnsOf(bytesPerTurn: number, pieces: readonly number[]): Promise<number[][]> {
  const gate = new TurnGate(bytesPerTurn);
  const turns: number[][] = [[]];
  let left = pieces.length;
  for (const bytes of pieces) {
    const passed = () => {
      left--;
      turns.at(-1)?.push(bytes);
    };
    const turn = gate.pass(bytes);
    if (turn === undefined) passed();
    else void turn.then(passed);
  }
  while (left > 0) {
    turns.push([]);
    await nextTurn();
  }
  return turns.filter((turn) => turn.length > 0);
}

it('lets so many bytes pass in a turn, first come first served', async () => {
  expect(await turnsOf(10, [4, 4, 4, 1, 9, 2, 8])).toEqual([[4, 4], [4, 1], [9], [2, 8]]);
});

it('gives a piece that is larger than a share a turn for itself', async () => {
  expect(await turnsOf(10, [3, 25, 1, 30, 30])).toEqual([[3], [25], [1], [30], [30]]);
});

it('has a full share again after a turn in which nobody asked', async () => {
  const gate = new TurnGate(10);
  expect(gate.pass(10)).toBeUndefined();
  expect(gate.pass(1)).toBeInstanceOf(Promise);
  await nextTurn();
  await nextTurn();
  expect(gate.pass(10)).toBeUndefined();
});
