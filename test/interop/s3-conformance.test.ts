// The conformance suite of the object store against a real server: CLOUDTOPICS_TEST_S3_URL is a store URL, credentials come
// from the environment as always. CLOUDTOPICS_TEST_S3_LIMITS may name what the server is known not to do, separated by commas:
// `atomic-conditions` (several simultaneous conditional writers can win), `any-key` (cannot hold both `a` and `a/b`).
//
//   CLOUDTOPICS_TEST_S3_URL='s3://bucket/prefix?endpoint=http://127.0.0.1:7070&region=us-east-1&pathStyle=true' \
//     npx vitest run --config vitest.interop.config.ts test/interop/s3-conformance.test.ts

import { describe, it } from 'vitest';
import { systemClock } from '../../src/engine/base/clock.ts';
import { silentLogger } from '../../src/engine/base/logger.ts';
import { systemRandom } from '../../src/engine/base/random.ts';
import { openStore } from '../../src/engine/store/store.ts';
import { describeObjectStore } from '../engine/store/object-store-conformance.ts';

const url = process.env['CLOUDTOPICS_TEST_S3_URL'];
const limits = (process.env['CLOUDTOPICS_TEST_S3_LIMITS'] ?? '').split(',');

if (url === undefined) {
  describe.skip('object store: a real S3 server', () => it('needs CLOUDTOPICS_TEST_S3_URL', () => {}));
} else {
  describeObjectStore(
    'a real S3 server',
    async () => {
      const store = await openStore(url, { clock: systemClock, random: systemRandom, logger: silentLogger });
      return { store, close: async () => await store[Symbol.asyncDispose]() };
    },
    {
      propertyRuns: 5,
      manyObjects: 1010,
      atomicConditions: !limits.includes('atomic-conditions'),
      anyKey: !limits.includes('any-key'),
    },
  );
}
