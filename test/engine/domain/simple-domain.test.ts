// The oracle keeps the promises that it is there to check.

import { expect, it } from 'vitest';
import { domainConformance } from './domain-conformance.ts';
import { DomainStage, rowsOf, set } from './domain-stage.ts';

domainConformance('the simple domain', (at, termAtLeast) => at.openSimple(termAtLeast));

it('takes snapshots and trims, so that the log stays small', async () => {
  const at = new DomainStage();
  const domain = await at.openSimple();
  for (let n = 0; n < 100; n++) await domain.write([set(`key-${n % 10}`, `value-${n}`)]);
  const group = at.log.disk.groups.get('domain/test');
  expect(group?.entries.length).toBeLessThan(60);
  expect(group?.snapshot).toBeDefined();
  expect(await rowsOf(await at.openSimple())).toEqual(await rowsOf(domain));
});

it('settles an unknown snapshot by reading back', async () => {
  const at = new DomainStage();
  const domain = await at.openSimple();
  at.onceOnLog('snapshot', { kind: 'unknown', effect: true });
  for (let n = 0; n < 30; n++) await domain.write([set(`${n % 3}`, `${n}`)]);
  expect(domain.term).toBe(2);
  expect(await rowsOf(domain)).toEqual(['0=27', '1=28', '2=29']);
});
