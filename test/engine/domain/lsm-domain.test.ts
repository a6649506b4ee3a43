import { domainConformance } from './domain-conformance.ts';

domainConformance('flushed now and then', (at, termAtLeast) =>
  at.open(termAtLeast === undefined ? {} : { termAtLeast }),
);
domainConformance('flushed at once', (at, termAtLeast) =>
  at.open({ flush: 'at-once', ...(termAtLeast === undefined ? {} : { termAtLeast }) }),
);
