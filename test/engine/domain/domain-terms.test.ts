// How often a domain opens terms when something ends one after the other.

import { describe, expect, it } from 'vitest';
import type { ErrorCode } from '../../../src/engine/base/error-table.ts';
import { EngineError } from '../../../src/engine/base/errors.ts';
import { DomainStage, rowsOf, set, turn } from './domain-stage.ts';

/** A bucket that answers every put so. */
function failPuts(at: DomainStage, code: ErrorCode): { heal: () => void } {
  const { put } = at.bucket;
  at.bucket.put = () => Promise.reject(new EngineError(code, 'no'));
  return {
    heal: () => {
      at.bucket.put = put;
    },
  };
}

/** More rows than a memtable takes, so that the store has to write one out by itself. */
async function fillMemtable(at: DomainStage) {
  const domain = await at.open();
  await domain.writeAll(Array.from({ length: 12 }, (_, n) => [set(`row/${n}`, 'x'.repeat(150))]));
  for (let turns = 0; turns < 100; turns++) await turn();
  return domain;
}

describe('a bucket that refuses every table', () => {
  it.each(['disk-full', 'store-url'] as const)('ends no term by %s: an operator can put it right', async (code) => {
    const at = new DomainStage();
    const { heal } = failPuts(at, code);
    const domain = await fillMemtable(at);
    await at.clock.advance(120_000);
    expect(domain.term).toBe(1);
    await expect(domain.flush()).rejects.toMatchObject({ code });
    heal();
    await at.clock.advance(31_000);
    await domain.flush();
    expect(await at.view().then((view) => view && rowsOf(view))).toHaveLength(12);
    expect(domain.term).toBe(1);
  });

  it('does not make the domain open one term after the other without a pause', async () => {
    const at = new DomainStage();
    const { heal } = failPuts(at, 'usage');
    const domain = await fillMemtable(at);
    expect(domain.stats().reopenings).toBeLessThan(5);
    await at.clock.advance(600_000);
    expect(domain.stats().reopenings).toBeGreaterThan(10);
    expect(domain.stats().reopenings).toBeLessThan(80);
    heal();
    await at.clock.advance(31_000);
    await domain.flush();
    expect(await at.view().then((view) => view && rowsOf(view))).toHaveLength(12);
  });
});

it('says once to its operator that another leader has closed the domain for good', async () => {
  const at = new DomainStage();
  const domain = await at.open();
  await at.open();
  await expect(domain.write([set('a', '1')])).rejects.toMatchObject({ code: 'fenced-term' });
  await expect(domain.write([set('b', '2')])).rejects.toMatchObject({ code: 'fenced-term' });
  expect(at.errors).toEqual([expect.objectContaining({ domain: 'test', code: 'fenced-term' })]);
});
