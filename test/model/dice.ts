// Choices out of one seeded stream, so that a seed is a history.

import { type Random, seededRandom } from '../../src/engine/base/random.ts';

export class Dice {
  readonly #random: Random;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
  }

  chance(probability: number): boolean {
    return this.#random.fraction() < probability;
  }

  /** A whole number from 0 to `count` − 1. */
  below(count: number): number {
    return Math.floor(this.#random.fraction() * count);
  }

  pick<T>(items: readonly T[]): T | undefined {
    return items[this.below(items.length)];
  }

  /** Removes one and returns it. */
  take<T>(items: T[]): T | undefined {
    return items.length === 0 ? undefined : items.splice(this.below(items.length), 1)[0];
  }

  /** The index of one weight, more likely the heavier it is. */
  weighted(weights: readonly number[], total: number): number {
    let rest = this.#random.fraction() * total;
    for (let index = 0; index < weights.length; index++) {
      rest -= weights[index]!;
      if (rest < 0) return index;
    }
    return weights.length - 1;
  }
}
