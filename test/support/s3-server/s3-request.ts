// A request to the S3 test server, taken apart: bucket by path or by host, key, query, body. And what is answered.

import type { IncomingMessage } from 'node:http';
import { S3Refusal } from './refusal.ts';

export type S3Operation =
  | 'put'
  | 'get'
  | 'head'
  | 'delete'
  | 'delete-many'
  | 'list'
  | 'multipart-create'
  | 'multipart-part'
  | 'multipart-complete'
  | 'multipart-abort'
  | 'multipart-list'
  | 'head-bucket'
  | 'create-bucket';

export interface S3Address {
  readonly bucket: string;
  readonly key: string;
  readonly query: URLSearchParams;
  readonly operation: S3Operation;
}

export interface S3Request extends S3Address {
  readonly body: Buffer;
  readonly payloadHash: string;
  header(name: string): string | undefined;
}

export interface S3Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Buffer | string;
}

/** `hosts` are the names of the server itself; a name in front of one is a bucket. */
export function addressOf(request: IncomingMessage, hosts: readonly string[]): S3Address {
  const [rawPath, rawQuery = ''] = (request.url ?? '/').split('?', 2) as [string, string?];
  let path: string;
  try {
    path = decodeURIComponent(rawPath).slice(1);
  } catch {
    throw new S3Refusal(400, 'InvalidURI', 'Could not parse the specified URI.');
  }
  const query = new URLSearchParams(rawQuery);
  const host = (request.headers.host ?? '').replace(/:\d+$/, '');
  const base = hosts.find((name) => host.endsWith(`.${name}`));
  const slash = path.indexOf('/');
  const [bucket, key] =
    base !== undefined
      ? [host.slice(0, -base.length - 1), path]
      : slash < 0
        ? [path, '']
        : [path.slice(0, slash), path.slice(slash + 1)];
  return { bucket, key, query, operation: operationOf(request.method ?? '', key, query) };
}

function operationOf(method: string, key: string, query: URLSearchParams): S3Operation {
  const uploading = query.has('uploadId');
  if (key === '') {
    if (method === 'GET') return query.has('uploads') ? 'multipart-list' : 'list';
    if (method === 'HEAD') return 'head-bucket';
    if (method === 'PUT') return 'create-bucket';
    if (method === 'POST' && query.has('delete')) return 'delete-many';
  } else {
    if (method === 'GET') return uploading ? 'multipart-list' : 'get';
    if (method === 'HEAD') return 'head';
    if (method === 'PUT') return uploading ? 'multipart-part' : 'put';
    if (method === 'DELETE') return uploading ? 'multipart-abort' : 'delete';
    if (method === 'POST' && query.has('uploads')) return 'multipart-create';
    if (method === 'POST' && uploading) return 'multipart-complete';
  }
  throw new S3Refusal(501, 'NotImplemented', `${method} with these parameters is not served.`);
}
