// What store URLs mean, and what is refused, by name and without repeating a secret.

import { describe, expect, it } from 'vitest';
import { silentLogger } from '../../../src/engine/base/logger.ts';
import { seededRandom } from '../../../src/engine/base/random.ts';
import { VirtualClock } from '../../../src/engine/base/virtual-clock.ts';
import { openStore } from '../../../src/engine/store/store.ts';
import { parseStoreUrl } from '../../../src/engine/store/store-url.ts';

describe('store URL', () => {
  it.each([
    ['memory:', { scheme: 'memory' }],
    ['file:///data/bucket', { scheme: 'file', directory: '/data/bucket' }],
    ['file:///data/a%20b/', { scheme: 'file', directory: '/data/a b' }],
    ['s3://bucket', { scheme: 's3', bucket: 'bucket', prefix: '', pathStyle: false, payloadSigning: false }],
    ['s3://bucket/', { scheme: 's3', bucket: 'bucket', prefix: '', pathStyle: false, payloadSigning: false }],
    [
      's3://my.bucket/some/prefix/?endpoint=https://s3.example:9000&region=eu-1&pathStyle=true&caFile=/ca.pem&proxy=http://proxy:3128&sse=aws:kms&sseKmsKeyId=key&storageClass=STANDARD_IA&payloadSigning=true&profile=p',
      {
        scheme: 's3',
        bucket: 'my.bucket',
        prefix: 'some/prefix',
        endpoint: 'https://s3.example:9000',
        region: 'eu-1',
        pathStyle: true,
        caFile: '/ca.pem',
        proxy: 'http://proxy:3128',
        sse: 'aws:kms',
        sseKmsKeyId: 'key',
        storageClass: 'STANDARD_IA',
        payloadSigning: true,
        profile: 'p',
      },
    ],
  ])('%s', (url, expected) => {
    expect(parseStoreUrl(url)).toEqual(expected);
  });

  it.each([
    ['', /not a URL/],
    ['/data/bucket', /not a URL/],
    ['gs://bucket', /unknown scheme "gs:"/],
    ['file://host/dir', /host "host"/],
    ['file:///', /root directory/],
    ['file:///dir?sync=false', /unknown option "sync"/],
    ['file:///dir/%2Fx', /path/],
    ['memory:x', /more behind/],
    ['s3://b', /bucket name/],
    ['s3:///prefix', /bucket name/],
    ['s3://bucket:9000/x', /port/],
    ['s3://bucket/a//b', /prefix/],
    ['s3://bucket/%zz', /% escape/],
    ['s3://bucket?pathstyle=true', /unknown option "pathstyle"/],
    ['s3://bucket?pathStyle=yes', /"pathStyle"; allowed are true, false/],
    ['s3://bucket?region=', /no value for the option "region"/],
    ['s3://bucket?region=a&region=b', /"region" twice/],
    ['s3://bucket?endpoint=s3.example', /"endpoint"/],
    ['s3://bucket?endpoint=ftp://s3.example', /"endpoint"/],
    ['s3://bucket?sse=aes', /"sse"/],
    ['s3://bucket?sseKmsKeyId=k', /without sse/],
    ['s3://bucket?storageClass=cold', /storageClass/],
    ['s3://bucket#x', /"#"/],
  ])('refuses %s', (url, message) => {
    expect(() => parseStoreUrl(url)).toThrowError(
      expect.objectContaining({ code: 'store-url', message: expect.stringMatching(message) }),
    );
  });

  it.each([
    's3://key:hunter2@bucket/x',
    's3://hunter2@bucket/x',
    's3://bucket?endpoint=http://u:hunter2@host',
    's3://bucket?proxy=http://u:hunter2@host',
    's3://bucket?endpoint=http://host?x=hunter2',
    's3://u:hunter2@[bad',
  ])('refuses secrets and does not repeat them: %s', (url) => {
    let message = '';
    try {
      parseStoreUrl(url);
    } catch (error) {
      message = String(error);
    }
    expect(message).toMatch(/store URL/);
    expect(message).not.toContain('hunter2');
  });

  it('gives labels without options', async () => {
    const deps = { clock: new VirtualClock(), random: seededRandom(1), logger: silentLogger };
    const store = await openStore('s3://bucket/prefix?endpoint=http://127.0.0.1:1&region=us-east-1&profile=p', deps);
    expect(store.label).toBe('s3://bucket/prefix');
    await store[Symbol.asyncDispose]();
  });
});
