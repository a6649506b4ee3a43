// Bytes to and from the S3 server: bodies as streams over their parts with a checksum of our own, and answers read in full and
// verified. Sending one body twice (another try) makes a new stream each time.

import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { crc32c } from '../base/checksum.ts';
import { EngineError } from '../base/errors.ts';
import { bodyCrc32c, bodyLength } from './body.ts';
import type { Body } from './object-store.ts';

type Headers = Record<string, string>;

/** A command of the SDK, as far as headers are concerned. */
interface CommandStack {
  readonly middlewareStack: {
    add(middleware: unknown, options: unknown): void;
  };
}

export interface S3Body {
  readonly Body: Readable;
  readonly ContentLength: number;
  readonly ChecksumCRC32C: string;
}

export function s3Body(body: Body): S3Body {
  const parts = body.filter((part) => part.length > 0);
  return {
    Body: Readable.from(parts, { objectMode: false }),
    ContentLength: bodyLength(body),
    ChecksumCRC32C: checksumText(bodyCrc32c(body)),
  };
}

/** As S3 writes it: base64 of four bytes, big-endian. */
export function checksumText(checksum: number): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(checksum);
  return bytes.toString('base64');
}

/** What the signature says about the body: nothing, or its SHA-256 for servers that insist. */
export function payloadHash(body: Body, payloadSigning: boolean): string {
  if (!payloadSigning) return 'UNSIGNED-PAYLOAD';
  const hash = createHash('sha256');
  for (const part of body) hash.update(part);
  return hash.digest('hex');
}

/** Adds headers before the request is signed. */
export function addHeaders(command: CommandStack, headers: Headers): void {
  const middleware = (next: (args: unknown) => unknown) => (args: { request: { headers: Headers } }) => {
    Object.assign(args.request.headers, headers);
    return next(args);
  };
  command.middlewareStack.add(middleware, { step: 'build', name: 'cloudtopicsHeaders', priority: 'low' });
}

/** The headers of the answer, filled in when it has come. */
export function answerHeaders(command: CommandStack): Headers {
  const headers: Headers = {};
  const middleware =
    (next: (args: unknown) => Promise<{ response: { headers: Headers } }>) => async (args: unknown) => {
      const result = await next(args);
      Object.assign(headers, result.response?.headers);
      return result;
    };
  command.middlewareStack.add(middleware, { step: 'deserialize', name: 'cloudtopicsAnswerHeaders', priority: 'low' });
  return headers;
}

/** Reads exactly `length` bytes; fewer or more is a torn answer, which may be tried again. */
export async function readAnswer(stream: unknown, bytes: Buffer, what: string): Promise<void> {
  const { length } = bytes;
  let filled = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    if (filled + chunk.length > length) throw torn(what, filled + chunk.length, length);
    bytes.set(chunk, filled);
    filled += chunk.length;
  }
  if (filled !== length) throw torn(what, filled, length);
}

function torn(what: string, got: number, expected: number): EngineError {
  return new EngineError('store-unavailable', `${what}: ${got} bytes came where ${expected} were announced`, {
    context: { got, expected },
  });
}

/** Compares with the checksum the server keeps; one with a dash is a checksum of part checksums and says nothing here. */
export function verifyChecksum(bytes: Buffer, expected: string | undefined, what: string): void {
  if (expected === undefined || expected.includes('-')) return;
  const actual = checksumText(crc32c(bytes));
  if (actual === expected) return;
  throw new EngineError('store-unavailable', `${what}: the bytes that came do not match the server’s checksum`, {
    context: { expected, actual },
  });
}
