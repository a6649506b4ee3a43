// Random histories of all operations: the metastore agrees with its oracle, on a domain that is nothing but rows, and on real ones that
// flush and merge all the time and are restarted and killed in between.

import { describe, expect, test } from 'vitest';
import { DomainStage } from '../domain/domain-stage.ts';
import { ComparedHistory } from './compared-history.ts';
import { MemoryDomain } from './memory-domain.ts';

const seeds = process.env['METASTORE_SEED'] === undefined ? [1, 2, 3, 4] : [Number(process.env['METASTORE_SEED'])];
const steps = Number(process.env['METASTORE_STEPS'] ?? 200);

/** A history in which nothing happens would agree too. */
function expectEventful({ outcomes }: ComparedHistory): void {
  for (const what of ['preregister', 'add', 'add, corrected', 'set start', 'replace', 'compact']) {
    expect(outcomes.get(what) ?? 0, what).toBeGreaterThan(2);
  }
}

describe('the metastore and its oracle agree', () => {
  test.each(seeds)('on a random history (METASTORE_SEED=%i)', { timeout: 120_000 }, async (seed) => {
    const history = new ComparedHistory(seed, new MemoryDomain());
    for (let step = 0; step < steps; step++) {
      await history.step();
      if (step % 4 === 0 || step > steps - 10) await history.checkAll();
    }
    expectEventful(history);
  });

  test.each(seeds)('on real domains (METASTORE_SEED=%i)', { timeout: 120_000 }, async (seed) => {
    const stage = new DomainStage();
    let domain = await stage.open();
    const history = new ComparedHistory(seed, domain);
    const { dice } = history.maker;
    for (let step = 0; step < steps; step++) {
      await history.step();
      if (dice.chance(6)) await domain.flush();
      if (dice.chance(1)) await domain.compact();
      if (dice.chance(3)) {
        // The process is gone, with or without a word.
        if (dice.chance(50)) await domain[Symbol.asyncDispose]();
        else stage.crash();
        domain = await stage.open();
        history.domain = domain;
      }
      if (step % 10 === 0 || step > steps - 3) await history.checkAll();
    }
    expectEventful(history);
    // Else all of it would have been a memtable.
    expect(domain.stats().lsm.levels.some(({ entries }) => entries > 50)).toBe(true);
    await domain[Symbol.asyncDispose]();
  });
});
