// Whole frames: requests and responses as typed values, for all versions that are served.
//
// A frame is an INT32 length and that many bytes: header and body. Encoders return the whole frame, length included, as parts
// for a gathered write; decoders take what follows the length. Bytes behind the end of a body are ignored, as Kafka does.
// What it refuses: APIs and versions that are not served (`unsupported-version`), and bytes that break the grammar
// (`invalid-request`, naming API, version and field). Nothing is allocated for a length before it was compared with what is there.

import { ByteWriter } from '../base/byte-writer.ts';
import { EngineError } from '../base/errors.ts';
import { apis } from './apis.ts';
import type { AnyApi, RequestInput, RequestOf, ResponseInput, ResponseOf } from './define-api.ts';
import { messageError } from './field-path.ts';
import {
  type RequestHeader,
  readRequestHeader,
  readResponseHeader,
  writeRequestHeader,
  writeResponseHeader,
} from './header-format.ts';
import { WireReader } from './wire-reader.ts';

/** A request whose header was read and whose body waits to be decoded. */
export class ReceivedRequest {
  readonly header: RequestHeader;
  /** Undefined when the API is not served. */
  readonly api: AnyApi | undefined;
  readonly #reader: WireReader;

  constructor(header: RequestHeader, reader: WireReader) {
    this.header = header;
    this.api = apis.get(header.apiKey);
    this.#reader = reader;
  }

  /** Whether the body can be decoded. Where not, ApiVersions is answered in version 0, everything else refused. */
  get served(): boolean {
    return this.api?.understands(this.header.apiVersion) ?? false;
  }

  /** The body; `api` is the one of the header. May be called once. */
  body<A extends AnyApi>(api: A): RequestOf<A> {
    const { apiKey, apiVersion } = this.header;
    if (api.key !== apiKey) throw new EngineError('bug', `request of API ${apiKey} decoded as ${api.name}`);
    const codec = api.requestCodec(apiVersion);
    try {
      return codec.decode(this.#reader) as RequestOf<A>;
    } catch (error) {
      throw messageError(`${api.name} v${apiVersion} request`, apiKey, apiVersion, error);
    }
  }
}

/** Reads the header of a frame (without its length). Knows no API: only a broken header is refused. */
export function receiveRequest(frame: Uint8Array): ReceivedRequest {
  const reader = new WireReader(frame, 'request header');
  try {
    const header = readRequestHeader(reader, (key, version) => apis.get(key)?.requestHeaderVersion(version) ?? 1);
    return new ReceivedRequest(header, reader);
  } catch (error) {
    throw messageError('request header', -1, -1, error);
  }
}

/** Header and body in one go, for an API that is known beforehand. */
export function decodeRequest<A extends AnyApi>(
  api: A,
  frame: Uint8Array,
): { readonly header: RequestHeader; readonly body: RequestOf<A> } {
  const request = receiveRequest(frame);
  return { header: request.header, body: request.body(api) };
}

/** A whole frame, as a client sends it. */
export function encodeRequest<A extends AnyApi>(
  api: A,
  apiVersion: number,
  sender: { readonly correlationId: number; readonly clientId: string | null },
  body: RequestInput<A>,
): Buffer[] {
  const codec = api.requestCodec(apiVersion);
  return encodeFrame(`${api.name} v${apiVersion} request`, api.key, apiVersion, (writer) => {
    writeRequestHeader(writer, { apiKey: api.key, apiVersion, ...sender }, api.requestHeaderVersion(apiVersion));
    codec.encode(writer, body as never);
  });
}

/** A whole frame, as a broker sends it. Long records are linked: they must not change until the parts are sent. */
export function encodeResponse<A extends AnyApi>(
  api: A,
  apiVersion: number,
  correlationId: number,
  body: ResponseInput<A>,
): Buffer[] {
  const codec = api.responseCodec(apiVersion);
  return encodeFrame(`${api.name} v${apiVersion} response`, api.key, apiVersion, (writer) => {
    writeResponseHeader(writer, correlationId, api.responseHeaderVersion(apiVersion));
    codec.encode(writer, body as never);
  });
}

export function decodeResponse<A extends AnyApi>(
  api: A,
  apiVersion: number,
  frame: Uint8Array,
): { readonly correlationId: number; readonly body: ResponseOf<A> } {
  const codec = api.responseCodec(apiVersion);
  const reader = new WireReader(frame, 'response');
  try {
    const correlationId = readResponseHeader(reader, api.responseHeaderVersion(apiVersion));
    return { correlationId, body: codec.decode(reader) as ResponseOf<A> };
  } catch (error) {
    throw messageError(`${api.name} v${apiVersion} response`, api.key, apiVersion, error);
  }
}

function encodeFrame(what: string, apiKey: number, apiVersion: number, write: (writer: ByteWriter) => void): Buffer[] {
  const writer = new ByteWriter(512);
  try {
    write(writer.u32(0));
  } catch (error) {
    throw messageError(what, apiKey, apiVersion, error);
  }
  const length = writer.length - 4;
  const parts = writer.parts();
  (parts[0] as Buffer).writeUInt32BE(length, 0);
  return parts;
}
