// The byte accounts of the L1 objects of one metastore domain, through the object validator.

import { validateObjects } from '../metastore/metastore.ts';
import { anomalyFinding } from './check-finding.ts';
import type { CheckedDomain, CheckStep } from './metadata-check.ts';

/** Each page goes over all extents of the domain once; so many objects take a few dozen megabytes. */
const objectsMax = 200_000;

export async function* checkObjectAccounts(
  { name, reads }: CheckedDomain,
  after: string | undefined,
): AsyncGenerator<CheckStep> {
  let position = after;
  do {
    const check = await validateObjects(reads, { objectsMax, ...(position === undefined ? {} : { position }) });
    position = check.position;
    yield {
      findings: check.anomalies.map((anomaly) => anomalyFinding(name, anomaly)),
      counted: {},
      // Behind the last page there is nothing: a key above every object's.
      position: { phase: 'objects', domain: name, after: position ?? 'object/~' },
    };
  } while (position !== undefined);
}
