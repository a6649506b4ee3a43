// Others have their turn of the event loop after so many steps, and a step may be as long as several.

import { describe, expect, it } from 'vitest';
import { TurnTaking } from '../../../src/engine/reconciler/turn-taking.ts';

describe('work that takes turns', () => {
  const pausesOf = (steps: readonly (number | undefined)[]): number => {
    let pauses = 0;
    const turns = new TurnTaking(async () => {
      pauses++;
    }, 4);
    for (const step of steps) void turns.next(step);
    return pauses;
  };

  it.each([
    [[1, 1, 1], 0],
    [[1, 1, 1, 1], 1],
    [[undefined, undefined, undefined, undefined, undefined], 1],
    [[4, 4, 100], 3],
    [[1.5, 1.5, 1.5, 3.9], 1],
    [[3.5, 0.5, 1, 1, 1, 1], 2],
  ])('after steps of %j pauses %i times', (steps, pauses) => {
    expect(pausesOf(steps)).toBe(pauses);
  });
});
