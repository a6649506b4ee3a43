// What is particular to S3: who may, how the server is reached, what goes over the wire, and what its failures mean.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/engine/base/clock.ts';
import { silentLogger } from '../../../src/engine/base/logger.ts';
import { systemRandom } from '../../../src/engine/base/random.ts';
import { S3Store } from '../../../src/engine/store/s3-store.ts';
import { openStore } from '../../../src/engine/store/store.ts';
import { parseStoreUrl, type S3StoreUrl } from '../../../src/engine/store/store-url.ts';
import { type S3Server, startS3Server, testCredentials } from '../../support/s3-server/s3-server.ts';
import { testCertificate, testCertificateKey } from '../../support/s3-server/test-certificate.ts';

const text = (value: string) => [Buffer.from(value)];
const adapter = (url: string) => new S3Store({ url: parseStoreUrl(url) as S3StoreUrl, clock: systemClock });
const quickRetries = {
  retry: { backoffMsMin: 1, backoffMsMax: 5, tryTimeoutMs: 400, bytesPerMsMin: 10_000, deadlineMs: 20_000 },
};
const decorated = (url: string) =>
  openStore(url, { clock: systemClock, random: systemRandom, logger: silentLogger, options: quickRetries });

beforeEach(() => {
  process.env['AWS_ACCESS_KEY_ID'] = testCredentials.accessKeyId;
  process.env['AWS_SECRET_ACCESS_KEY'] = testCredentials.secretAccessKey;
});

describe('S3 store', () => {
  let server: S3Server;
  afterEach(async () => await server?.stop());

  it('is denied with a wrong secret, without showing it', async () => {
    server = await startS3Server();
    process.env['AWS_SECRET_ACCESS_KEY'] = 'wrong-and-private';
    const store = adapter(server.storeUrl());
    const error: unknown = await store.put('key', text('x')).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'store-denied', context: { s3Code: 'SignatureDoesNotMatch', status: 403 } });
    expect(inspect(error, { depth: 20 })).not.toContain('wrong-and-private');
    await expect(store.head('key')).rejects.toMatchObject({ code: 'store-denied' });
    await expect(Array.fromAsync(store.list({ prefix: '' }))).rejects.toMatchObject({ code: 'store-denied' });
  });

  it('says that a bucket is missing, and never that it is empty', async () => {
    server = await startS3Server();
    const store = adapter(server.storeUrl('absent'));
    await expect(store.head('key')).rejects.toMatchObject({ code: 'store-url' });
    await expect(store.get('key')).rejects.toMatchObject({ code: 'store-url' });
    await expect(store.put('key', text('x'))).rejects.toMatchObject({ code: 'store-url' });
    await expect(Array.fromAsync(store.list({ prefix: '' }))).rejects.toMatchObject({ code: 'store-url' });
  });

  it('says that no server is there', async () => {
    const store = adapter('s3://bucket?endpoint=http://127.0.0.1:1&region=us-east-1&pathStyle=true');
    await expect(store.put('key', text('x'))).rejects.toMatchObject({
      code: 'store-unavailable',
      context: { networkCode: 'ECONNREFUSED' },
    });
  });

  it('sends unsigned payloads with a checksum, and storage class and encryption as the URL says', async () => {
    server = await startS3Server();
    const options = { sse: 'aws:kms', sseKmsKeyId: 'key-1', storageClass: 'STANDARD_IA' };
    const store = adapter(server.storeUrl('test', 'pre/fix', options));
    await store.put('key', text('123456789'));
    expect(server.buckets.get('test')?.objects.get('pre/fix/key')).toMatchObject({
      checksum: '4waSgw==',
      headers: {
        'x-amz-storage-class': 'STANDARD_IA',
        'x-amz-server-side-encryption': 'aws:kms',
        'x-amz-server-side-encryption-aws-kms-key-id': 'key-1',
      },
    });
  });

  it('signs payloads for servers that refuse unsigned ones', async () => {
    server = await startS3Server({ signedPayloadOnly: true });
    await expect(adapter(server.storeUrl()).put('key', text('x'))).rejects.toMatchObject({ code: 'store-denied' });
    await adapter(server.storeUrl('test', '', { payloadSigning: 'true' })).put('key', text('x'));
  });

  it('trusts the authority it is given, and no other', async () => {
    server = await startS3Server({ tls: { key: testCertificateKey, cert: testCertificate } });
    const directory = await mkdtemp(join(tmpdir(), 's3-ca-'));
    const caFile = join(directory, 'ca.pem');
    await writeFile(caFile, testCertificate);
    await adapter(server.storeUrl('test', '', { caFile })).put('key', text('over TLS'));
    await expect(adapter(server.storeUrl()).head('key')).rejects.toMatchObject({
      code: 'store-denied',
      hint: expect.stringContaining('caFile'),
    });
    expect(() => adapter(server.storeUrl('test', '', { caFile: `${caFile}.absent` }))).toThrowError(/caFile/);
    await rm(directory, { recursive: true });
  });

  it('goes through a proxy, to a bucket named in the host', async () => {
    server = await startS3Server();
    const tunnels: string[] = [];
    const sockets = new Set<Socket>();
    const proxy = createServer().on('connect', (request, socket: Socket) => {
      tunnels.push(request.url ?? '');
      const upstream = connect(server.port, '127.0.0.1', () => {
        socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
        upstream.pipe(socket).pipe(upstream);
      });
      for (const end of [socket, upstream]) sockets.add(end.on('error', () => {}));
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    const proxyPort = (proxy.address() as AddressInfo).port;
    const store = adapter(
      `s3://test/pre?endpoint=http://s3.test:9000&region=us-east-1&proxy=http://127.0.0.1:${proxyPort}`,
    );
    await store.put('key', text('through'));
    expect((await store.get('key')).bytes.toString()).toBe('through');
    expect(tunnels[0]).toBe('test.s3.test:9000');
    expect(server.buckets.get('test')?.objects.has('pre/key')).toBe(true);
    for (const socket of sockets) socket.destroy();
    proxy.close();
  });

  it('tells which keys could not be deleted', async () => {
    server = await startS3Server({ undeletable: ['pre/locked'] });
    const store = adapter(server.storeUrl('test', 'pre'));
    expect(await store.deleteMany(['a', 'locked', 'b'])).toEqual([
      { key: 'locked', message: 'AccessDenied: Access Denied', retryable: false },
    ]);
  });

  it.each([
    ['slow-down', 'store-unavailable'],
    ['internal-error', 'store-unavailable'],
    ['conflict', 'store-conflict'],
    ['denied', 'store-denied'],
    ['reset-after', 'store-timeout'],
  ] as const)('takes %s for %s, after one try', async (kind, code) => {
    server = await startS3Server();
    server.inject({ operation: 'put', kind });
    await expect(adapter(server.storeUrl()).put('key', text('x'))).rejects.toMatchObject({ code });
    expect(server.calls.get('put')).toBe(1);
  });

  it.each(['torn-answer', 'flipped-bit'] as const)('never believes a %s', async (kind) => {
    server = await startS3Server();
    const store = adapter(server.storeUrl());
    await store.put('key', text('0123456789'));
    server.inject({ operation: 'get', kind });
    await expect(store.get('key')).rejects.toMatchObject({ kind: 'unavailable', retryable: true });
  });

  it('aborts a request when the caller gives up', async () => {
    server = await startS3Server();
    server.inject({ operation: 'put', kind: 'silent-before' });
    const abort = new AbortController();
    const call = adapter(server.storeUrl()).put('key', text('x'), { signal: abort.signal });
    setImmediate(() => abort.abort());
    await expect(call).rejects.toMatchObject({ code: 'cancelled' });
  });

  it('with retries, gets through a bad hour', async () => {
    server = await startS3Server();
    const store = await decorated(server.storeUrl());
    for (const kind of [
      'slow-down',
      'internal-error',
      'conflict',
      'silent-before',
      'reset-after',
      'silent-after',
    ] as const) {
      server.inject({ operation: 'put', kind });
    }
    const body = [Buffer.from(new SharedArrayBuffer(3_000_000)).fill('a'), Buffer.from('end')];
    const { etag } = await store.put('key', body, { createOnly: true });
    expect(server.calls.get('put')).toBe(7);
    for (const kind of ['slow-down', 'torn-answer', 'flipped-bit', 'silent-after'] as const) {
      server.inject({ operation: 'get', kind });
    }
    const found = await store.get('key');
    expect(found.info.etag).toBe(etag);
    expect(found.bytes.equals(Buffer.concat(body))).toBe(true);
  });

  it('with retries, settles a multipart completion without an answer', async () => {
    server = await startS3Server();
    const store = await decorated(server.storeUrl());
    const upload = await store.multipart('key');
    await upload.part([Buffer.alloc(5 * 1024 * 1024, 1)]);
    server.inject({ operation: 'multipart-part', kind: 'silent-after' });
    await upload.part(text('end'));
    server.inject({ operation: 'multipart-complete', kind: 'silent-after' });
    const info = await upload.complete({ createOnly: true });
    expect(info).toMatchObject({ etag: (await store.head('key'))?.etag, sizeBytes: 5 * 1024 * 1024 + 3 });
    expect(server.buckets.get('test')?.uploads.size).toBe(0);
  });
});
