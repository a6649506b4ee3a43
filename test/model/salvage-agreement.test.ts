// The engine's salvage against the specification, on footers that no leader would make as well as on those that one would.

import { expect, it } from 'vitest';
import { noStamp, type Offset, offset } from '../../src/engine/base/ids.ts';
import { salvageChain } from '../../src/engine/l0/l0.ts';
import { stampOf } from './batch-model.ts';
import { Dice } from './dice.ts';
import { type SalvageBatch, salvage } from './salvage-model.ts';

type EngineBatch = SalvageBatch & { readonly baseOffset: Offset; readonly lastOffset: Offset };

it('finds the same chain as the specification, whatever lies in the bucket', () => {
  let links = 0;
  for (let seed = 1; seed <= 3_000; seed++) {
    const dice = new Dice(seed);
    const stamps = Array.from({ length: 1 + dice.below(4) }, (_, at) =>
      stampOf(1 + dice.below(2), 1 + dice.below(2), at),
    );
    // Dense, so that several batches meet at an offset and chains get long; each stamp and offset at most once.
    const batches = stamps.flatMap((stamp) =>
      Array.from({ length: 10 }, (_, at): EngineBatch => {
        const link = at === 0 || dice.chance(0.1) ? noStamp : dice.pick(stamps)!;
        return { stamp, link, baseOffset: offset(at), lastOffset: offset(at + dice.below(2)) };
      }).filter(() => dice.chance(0.8)),
    );
    batches.sort(() => dice.below(3) - 1);
    const below = dice.chance(0.5) ? { nextOffset: 0, stamp: noStamp } : { nextOffset: 3, stamp: dice.pick(stamps)! };
    const expected = salvage({ nextOffset: below.nextOffset, stampBelow: below.stamp }, batches);
    expect(expected.ambiguousAt).toEqual([]);
    links += expected.chain.length;
    const found = salvageChain({ nextOffset: offset(below.nextOffset), stamp: below.stamp }, batches);
    expect(found, `seed ${seed}`).toEqual(expected.chain);
  }
  expect(links).toBeGreaterThan(3_000);
});
