// The S3 adapter keeps the promises of the port against the in-repo server, and so does the whole stack around it.

import { systemClock } from '../../../src/engine/base/clock.ts';
import { silentLogger } from '../../../src/engine/base/logger.ts';
import { systemRandom } from '../../../src/engine/base/random.ts';
import { S3Store } from '../../../src/engine/store/s3-store.ts';
import { openStore } from '../../../src/engine/store/store.ts';
import { parseStoreUrl, type S3StoreUrl } from '../../../src/engine/store/store-url.ts';
import { startS3Server, testCredentials } from '../../support/s3-server/s3-server.ts';
import { describeObjectStore } from './object-store-conformance.ts';

process.env['AWS_ACCESS_KEY_ID'] = testCredentials.accessKeyId;
process.env['AWS_SECRET_ACCESS_KEY'] = testCredentials.secretAccessKey;
const deps = { clock: systemClock, random: systemRandom, logger: silentLogger };

describeObjectStore(
  's3 adapter, whole bucket',
  async () => {
    const server = await startS3Server();
    const store = new S3Store({ url: parseStoreUrl(server.storeUrl()) as S3StoreUrl, clock: systemClock });
    return {
      store,
      close: async () => {
        await store[Symbol.asyncDispose]();
        await server.stop();
      },
    };
  },
  { propertyRuns: 10 },
);

describeObjectStore(
  's3 by URL, below a prefix, payloads signed',
  async () => {
    const server = await startS3Server({ signedPayloadOnly: true });
    const store = await openStore(server.storeUrl('test', 'a/prefix', { payloadSigning: 'true' }), deps);
    return {
      store,
      close: async () => {
        await store[Symbol.asyncDispose]();
        await server.stop();
      },
    };
  },
  { propertyRuns: 10, manyObjects: 1010 },
);
