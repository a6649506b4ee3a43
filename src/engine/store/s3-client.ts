// The SDK's client as the S3 store wants it: no retries, no checksums and no waiting of its own, connections kept, and
// the URL's endpoint, authorities, proxy and profile. Credentials come from the SDK's default chain only.

import { readFileSync } from 'node:fs';
import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { S3Client } from '@aws-sdk/client-s3';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { HttpProxyAgent, HttpsProxyAgent } from 'hpagent';
import { EngineError } from '../base/errors.ts';
import type { S3StoreUrl } from './store-url.ts';

const silent = () => {};
const connectTimeoutMs = 5_000;
/** A connection that moves no byte for this long is given up; callers have shorter limits of their own. */
const idleTimeoutMs = 60_000;

export function newS3Client(url: S3StoreUrl, connectionsMax: number): S3Client {
  const ca: { ca?: string } = url.caFile === undefined ? {} : { ca: readAuthorities(url.caFile) };
  const agentOptions = {
    keepAlive: true,
    maxSockets: connectionsMax,
    maxFreeSockets: connectionsMax,
    scheduling: 'lifo' as const,
  };
  const agents =
    url.proxy === undefined
      ? { httpAgent: new HttpAgent(agentOptions), httpsAgent: new HttpsAgent({ ...agentOptions, ...ca }) }
      : {
          httpAgent: new HttpProxyAgent({ ...agentOptions, proxy: url.proxy }),
          httpsAgent: new HttpsProxyAgent({
            ...agentOptions,
            ...ca,
            proxy: url.proxy,
            proxyRequestOptions: ca.ca === undefined ? {} : { ca: [ca.ca] },
          }),
        };
  return new S3Client({
    ...(url.endpoint === undefined ? {} : { endpoint: url.endpoint }),
    ...(url.region === undefined ? {} : { region: url.region }),
    ...(url.profile === undefined ? {} : { profile: url.profile }),
    forcePathStyle: url.pathStyle,
    maxAttempts: 1,
    // It would write to stderr about streams it cannot repeat; it is not asked to.
    logger: { debug: silent, info: silent, warn: silent, error: silent },
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    // One round trip less; a refusal is read while the body is still on its way.
    expectContinueHeader: false,
    followRegionRedirects: false,
    requestHandler: new NodeHttpHandler({
      ...agents,
      connectionTimeout: connectTimeoutMs,
      requestTimeout: 0,
      socketTimeout: idleTimeoutMs,
      throwOnRequestTimeout: true,
    }),
  });
}

function readAuthorities(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new EngineError(
      'store-url',
      `the store URL’s caFile cannot be read: ${error instanceof Error ? error.message : error}`,
    );
  }
}
