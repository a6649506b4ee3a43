// The headers in front of request and response bodies.
//
//   request v1    api_key INT16, api_version INT16, correlation_id INT32, client_id STRING?
//   request v2    the same, then tagged fields; the client id keeps its INT16 length
//   response v0   correlation_id INT32
//   response v1   the same, then tagged fields

import type { ByteWriter } from '../base/byte-writer.ts';
import type { WireReader } from './wire-reader.ts';

export interface RequestHeader {
  readonly apiKey: number;
  readonly apiVersion: number;
  readonly correlationId: number;
  readonly clientId: string | null;
}

/** `versionOf` decides from key and version which header it is. */
export function readRequestHeader(
  reader: WireReader,
  versionOf: (apiKey: number, apiVersion: number) => 1 | 2,
): RequestHeader {
  const apiKey = reader.i16();
  const apiVersion = reader.i16();
  const correlationId = reader.i32();
  const length = reader.i16();
  if (length < -1) throw reader.corrupt(`a client id of length ${length}`);
  const clientId = length === -1 ? null : reader.text(length);
  if (versionOf(apiKey, apiVersion) === 2) skipTags(reader);
  return { apiKey, apiVersion, correlationId, clientId };
}

export function writeRequestHeader(writer: ByteWriter, header: RequestHeader, version: 1 | 2): void {
  writer.i16(header.apiKey).i16(header.apiVersion).i32(header.correlationId);
  if (header.clientId === null) writer.i16(-1);
  else writer.i16(Buffer.byteLength(header.clientId)).text(header.clientId);
  if (version === 2) writer.uvarint(0);
}

export function readResponseHeader(reader: WireReader, version: 0 | 1): number {
  const correlationId = reader.i32();
  if (version === 1) skipTags(reader);
  return correlationId;
}

export function writeResponseHeader(writer: ByteWriter, correlationId: number, version: 0 | 1): void {
  writer.i32(correlationId);
  if (version === 1) writer.uvarint(0);
}

function skipTags(reader: WireReader): void {
  const count = reader.uvarint();
  reader.elements(count, 2);
  for (let index = 0; index < count; index++) {
    reader.uvarint();
    const size = reader.uvarint();
    reader.need(size);
    reader.position += size;
  }
}
