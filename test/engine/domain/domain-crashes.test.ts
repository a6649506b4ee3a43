// A domain under any crash shows exactly the acknowledged writes, and of the unknown ones whole batches; a reader of the bucket alone
// always sees a state that the domain had. What is checked is in domain-history.ts.

import { describe, expect, it } from 'vitest';
import { History } from './domain-history.ts';

const seeds = Array.from({ length: 40 }, (_, at) => at + 1);

describe.each([
  ['flushed now and then', false],
  ['flushed at once', true],
])('a domain that is %s', (_, atOnce) => {
  it.each(seeds)('survives history %i', async (seed) => {
    const history = new History({ seed, atOnce, steps: 60 });
    await history.run();
    expect(history.writes).toBeGreaterThan(5);
  });
});
