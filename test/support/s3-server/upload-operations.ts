// Multipart uploads of the S3 test server.

import { createHash, randomUUID } from 'node:crypto';
import { type BucketStorage, checksumBase64, type KeptUpload, md5Etag } from './bucket-storage.ts';
import { checkBody, headersToKeep } from './object-operations.ts';
import { S3Refusal } from './refusal.ts';
import type { S3Answer, S3Request } from './s3-request.ts';
import { xmlDocument, xmlElements, xmlText } from './xml.ts';

const partBytesMin = 5 * 1024 * 1024;
const xml = { 'content-type': 'application/xml' };

export function createUpload(bucket: BucketStorage, request: S3Request): S3Answer {
  const upload: KeptUpload = {
    id: randomUUID(),
    key: request.key,
    started: new Date(),
    headers: headersToKeep(request),
    parts: new Map(),
  };
  bucket.uploads.set(upload.id, upload);
  const body = xmlDocument('InitiateMultipartUploadResult', {
    Bucket: request.bucket,
    Key: request.key,
    UploadId: upload.id,
  });
  return { status: 200, headers: xml, body };
}

function uploadOf(bucket: BucketStorage, request: S3Request): KeptUpload {
  const upload = bucket.uploads.get(request.query.get('uploadId') ?? '');
  if (upload === undefined || upload.key !== request.key) {
    throw new S3Refusal(404, 'NoSuchUpload', 'The specified multipart upload does not exist.');
  }
  return upload;
}

export function putPart(bucket: BucketStorage, request: S3Request): S3Answer {
  const upload = uploadOf(bucket, request);
  const number = Number(request.query.get('partNumber'));
  if (!Number.isInteger(number) || number < 1 || number > 10_000)
    throw new S3Refusal(400, 'InvalidArgument', 'Bad part number.');
  const checksum = checkBody(request);
  const etag = md5Etag(request.body);
  upload.parts.set(number, { bytes: request.body, etag, checksum });
  return { status: 200, headers: { etag, ...(checksum === undefined ? {} : { 'x-amz-checksum-crc32c': checksum }) } };
}

export function completeUpload(bucket: BucketStorage, request: S3Request): S3Answer {
  const upload = uploadOf(bucket, request);
  const named = xmlElements(request.body.toString(), 'Part');
  if (named.length === 0) throw new S3Refusal(400, 'MalformedXML', 'The XML you provided was not well-formed.');
  let before = 0;
  const parts = named.map((part, index) => {
    const number = Number(xmlText(part, 'PartNumber'));
    if (number <= before) throw new S3Refusal(400, 'InvalidPartOrder', 'The list of parts was not in ascending order.');
    before = number;
    const kept = upload.parts.get(number);
    const checksum = xmlText(part, 'ChecksumCRC32C');
    if (
      kept === undefined ||
      kept.etag !== xmlText(part, 'ETag') ||
      (checksum !== undefined && checksum !== kept.checksum)
    ) {
      throw new S3Refusal(400, 'InvalidPart', `Part ${number} could not be found.`);
    }
    if (kept.bytes.length < partBytesMin && index < named.length - 1) {
      throw new S3Refusal(400, 'EntityTooSmall', 'Your proposed upload is smaller than the minimum allowed size');
    }
    return kept;
  });
  bucket.checkConditions(upload.key, request.header('if-none-match'), request.header('if-match'));
  const digests = Buffer.concat(parts.map(({ etag }) => Buffer.from(etag.slice(1, -1), 'hex')));
  const etag = `"${createHash('md5').update(digests).digest('hex')}-${parts.length}"`;
  const checksums = parts.map((part) => part.checksum);
  const composite = checksums.includes(undefined)
    ? undefined
    : `${checksumBase64(Buffer.concat(checksums.map((checksum) => Buffer.from(checksum as string, 'base64'))))}-${parts.length}`;
  const bytes = Buffer.concat(parts.map((part) => part.bytes));
  bucket.keep({ key: upload.key, bytes, etag, modified: new Date(), checksum: composite, headers: upload.headers });
  bucket.uploads.delete(upload.id);
  const body = xmlDocument('CompleteMultipartUploadResult', { Bucket: request.bucket, Key: upload.key, ETag: etag });
  return { status: 200, headers: xml, body };
}

export function abortUpload(bucket: BucketStorage, request: S3Request): S3Answer {
  bucket.uploads.delete(uploadOf(bucket, request).id);
  return { status: 204, headers: {} };
}

export function listUploads(bucket: BucketStorage, request: S3Request): S3Answer {
  const prefix = request.query.get('prefix') ?? '';
  const uploads = [...bucket.uploads.values()].filter((upload) => upload.key.startsWith(prefix));
  const body = xmlDocument('ListMultipartUploadsResult', {
    Bucket: request.bucket,
    IsTruncated: false,
    Upload: uploads.map(({ id, key, started }) => ({ Key: key, UploadId: id, Initiated: started.toISOString() })),
  });
  return { status: 200, headers: xml, body };
}

export function listParts(bucket: BucketStorage, request: S3Request): S3Answer {
  const upload = uploadOf(bucket, request);
  const parts = [...upload.parts].sort(([a], [b]) => a - b);
  const body = xmlDocument('ListPartsResult', {
    Bucket: request.bucket,
    Key: upload.key,
    UploadId: upload.id,
    IsTruncated: false,
    Part: parts.map(([PartNumber, { bytes, etag }]) => ({ PartNumber, Size: bytes.length, ETag: etag })),
  });
  return { status: 200, headers: xml, body };
}
