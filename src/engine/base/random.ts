// Randomness as a dependency: the composition root passes the system's, tests and the simulator a seeded one.

import { randomBytes } from 'node:crypto';

export interface Random {
  /** Uniform in [0, 1). */
  fraction(): number;
  /** `length` fresh bytes. */
  bytes(length: number): Buffer;
}

/** Names need a dozen bytes at a time; asking the system for each costs more than the rest of making a name. */
const poolBytes = 4096;
let pool = Buffer.alloc(0);

export const systemRandom: Random = {
  fraction: () => Math.random(),
  bytes(length) {
    if (length > pool.length) {
      if (length > poolBytes) return randomBytes(length);
      pool = randomBytes(poolBytes);
    }
    const bytes = Buffer.from(pool.subarray(0, length));
    pool = pool.subarray(length);
    return bytes;
  },
};

/** A small deterministic generator (mulberry32); the same seed gives the same history. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const fraction = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  };
  return {
    fraction,
    bytes: (length) => {
      const bytes = Buffer.alloc(length);
      for (let at = 0; at < length; at++) bytes[at] = Math.floor(fraction() * 256);
      return bytes;
    },
  };
}
