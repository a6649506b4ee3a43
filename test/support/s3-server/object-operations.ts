// Put, get, head and delete of the S3 test server, with conditions, ranges and checksums as S3 has them.

import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { type BucketStorage, checksumBase64, type KeptObject, md5Etag } from './bucket-storage.ts';
import { S3Refusal } from './refusal.ts';
import type { S3Answer, S3Request } from './s3-request.ts';
import { xmlDocument, xmlElements, xmlText } from './xml.ts';

/** Headers of a write that reads give back. */
const keptHeaders = [
  'x-amz-storage-class',
  'x-amz-server-side-encryption',
  'x-amz-server-side-encryption-aws-kms-key-id',
  'content-type',
];

export function headersToKeep(request: S3Request): Record<string, string> {
  const entries = keptHeaders.map((name) => [name, request.header(name)] as const);
  return Object.fromEntries(entries.filter((entry): entry is readonly [string, string] => entry[1] !== undefined));
}

/** Throws unless the body is what its headers say. Returns the CRC32C the client sent, if it did. */
export function checkBody(request: S3Request): string | undefined {
  const { body } = request;
  const claims: [string, string][] = [
    ['x-amz-checksum-crc32c', checksumBase64(body)],
    ['x-amz-checksum-crc32', crc32Base64(body)],
    ['content-md5', createHash('md5').update(body).digest('base64')],
  ];
  for (const [name, actual] of claims) {
    const claimed = request.header(name);
    if (claimed === undefined || claimed === actual) continue;
    throw new S3Refusal(400, 'BadDigest', `The ${name} you specified did not match what we received.`);
  }
  const hash = request.payloadHash;
  if (/^[0-9a-f]{64}$/.test(hash) && createHash('sha256').update(body).digest('hex') !== hash) {
    throw new S3Refusal(
      400,
      'XAmzContentSHA256Mismatch',
      'The provided x-amz-content-sha256 does not match what was computed.',
    );
  }
  return request.header('x-amz-checksum-crc32c');
}

function crc32Base64(bytes: Buffer): string {
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(crc32(bytes));
  return sum.toString('base64');
}

export function putObject(bucket: BucketStorage, request: S3Request): S3Answer {
  const checksum = checkBody(request);
  bucket.checkConditions(request.key, request.header('if-none-match'), request.header('if-match'));
  const etag = md5Etag(request.body);
  bucket.keep({
    key: request.key,
    bytes: request.body,
    etag,
    modified: new Date(),
    checksum,
    headers: headersToKeep(request),
  });
  return { status: 200, headers: { etag, ...(checksum === undefined ? {} : { 'x-amz-checksum-crc32c': checksum }) } };
}

export function getObject(bucket: BucketStorage, request: S3Request): S3Answer {
  const object = bucket.objects.get(request.key);
  if (object === undefined) throw new S3Refusal(404, 'NoSuchKey', 'The specified key does not exist.');
  const range = /^bytes=(\d+)-(\d*)$/.exec(request.header('range') ?? '');
  if (range === null) return { status: 200, headers: objectHeaders(object, request), body: object.bytes };
  const start = Number(range[1]);
  const last = Math.min(range[2] === '' ? Number.MAX_SAFE_INTEGER : Number(range[2]), object.bytes.length - 1);
  if (start >= object.bytes.length || last < start)
    throw new S3Refusal(416, 'InvalidRange', 'The requested range is not satisfiable');
  return {
    status: 206,
    headers: {
      ...objectHeaders(object, request, true),
      'content-range': `bytes ${start}-${last}/${object.bytes.length}`,
    },
    body: object.bytes.subarray(start, last + 1),
  };
}

function objectHeaders(object: KeptObject, request: S3Request, ranged = false): Record<string, string> {
  const checksum = !ranged && request.header('x-amz-checksum-mode') === 'ENABLED' ? object.checksum : undefined;
  return {
    ...object.headers,
    etag: object.etag,
    'last-modified': object.modified.toUTCString(),
    'accept-ranges': 'bytes',
    ...(checksum === undefined ? {} : { 'x-amz-checksum-crc32c': checksum }),
  };
}

export function deleteObject(bucket: BucketStorage, request: S3Request): S3Answer {
  bucket.drop(request.key);
  return { status: 204, headers: {} };
}

export function deleteObjects(bucket: BucketStorage, request: S3Request, undeletable: ReadonlySet<string>): S3Answer {
  if (
    !['content-md5', 'x-amz-checksum-crc32', 'x-amz-checksum-crc32c'].some((name) => request.header(name) !== undefined)
  ) {
    throw new S3Refusal(400, 'InvalidRequest', 'Missing required header for this request: Content-MD5');
  }
  checkBody(request);
  const xml = request.body.toString();
  const keys = xmlElements(xml, 'Object').map((object) => xmlText(object, 'Key') ?? '');
  if (keys.length === 0 || keys.length > 1000)
    throw new S3Refusal(400, 'MalformedXML', 'Between 1 and 1000 keys are allowed.');
  const denied = keys.filter((key) => undeletable.has(key));
  const deleted = keys.filter((key) => !undeletable.has(key));
  for (const key of deleted) bucket.drop(key);
  const quiet = xmlText(xml, 'Quiet') === 'true';
  return {
    status: 200,
    headers: { 'content-type': 'application/xml' },
    body: xmlDocument('DeleteResult', {
      Deleted: quiet ? [] : deleted.map((Key) => ({ Key })),
      Error: denied.map((Key) => ({ Key, Code: 'AccessDenied', Message: 'Access Denied' })),
    }),
  };
}

const pageKeysMax = 1000;

export function listObjects(bucket: BucketStorage, request: S3Request): S3Answer {
  const { query } = request;
  if (query.get('list-type') !== '2') throw new S3Refusal(501, 'NotImplemented', 'Only list-type=2 is served.');
  if (query.get('delimiter')) throw new S3Refusal(501, 'NotImplemented', 'Delimiters are not served.');
  const prefix = query.get('prefix') ?? '';
  const token = query.get('continuation-token');
  const after = token === null ? (query.get('start-after') ?? '') : Buffer.from(token, 'base64url').toString();
  const maxKeys = Math.min(Number(query.get('max-keys') ?? pageKeysMax), pageKeysMax);
  const encode = query.get('encoding-type') === 'url' ? encodeURIComponent : (text: string) => text;
  const rest = bucket
    .sortedKeys()
    .filter((key) => key.startsWith(prefix) && Buffer.compare(Buffer.from(key), Buffer.from(after)) > 0);
  const page = rest.slice(0, maxKeys);
  const truncated = rest.length > page.length;
  return {
    status: 200,
    headers: { 'content-type': 'application/xml' },
    body: xmlDocument('ListBucketResult', {
      Name: request.bucket,
      Prefix: encode(prefix),
      KeyCount: page.length,
      MaxKeys: maxKeys,
      IsTruncated: truncated,
      EncodingType: query.get('encoding-type') ?? undefined,
      NextContinuationToken: truncated ? Buffer.from(page.at(-1) as string).toString('base64url') : undefined,
      Contents: page.map((key) => {
        const { bytes, etag, modified } = bucket.objects.get(key) as KeptObject;
        return {
          Key: encode(key),
          LastModified: modified.toISOString(),
          ETag: etag,
          Size: bytes.length,
          StorageClass: 'STANDARD',
        };
      }),
    }),
  };
}
