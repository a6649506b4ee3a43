// `metastore verify --check-storage` of a bucket, for tests: what it finds that a crash cannot explain.

import { BucketSource } from '../../src/engine/admin/bucket-source.ts';
import { Verification, type VerifyFinding } from '../../src/engine/admin/verification.ts';
import { systemClock } from '../../src/engine/base/clock.ts';
import { silentLogger } from '../../src/engine/base/logger.ts';
import { systemRandom } from '../../src/engine/base/random.ts';

export interface VerifiedBucket {
  /** Damage and contradictions; none is expected of any bucket. */
  readonly wrong: readonly VerifyFinding[];
  /** Left over by crashes: objects that were preregistered and never added. */
  readonly awaited: readonly VerifyFinding[];
  /** Objects without a row; none where everything was flushed since. */
  readonly unknown: readonly VerifyFinding[];
  readonly partitions: number;
  readonly storedObjects: number;
}

export async function verifyBucket(storeUrl: string, cluster = 'default'): Promise<VerifiedBucket> {
  const deps = { clock: systemClock, random: systemRandom, logger: silentLogger };
  await using source = await BucketSource.open({ ...deps, storeUrl, cluster });
  const request = { domains: undefined, topic: undefined, checkObjects: true, checkStorage: true };
  const verification = await Verification.open({ source, bucket: source }, request, systemClock);
  const found: VerifyFinding[] = [];
  for await (const { findings } of verification.steps()) found.push(...findings);
  const { partitions, storedObjects } = verification.checked;
  return {
    wrong: found.filter(({ severity }) => severity !== 'notice'),
    awaited: found.filter(({ name }) => name === 'object_awaited'),
    unknown: found.filter(({ name }) => name === 'object_unknown'),
    partitions,
    storedObjects,
  };
}
