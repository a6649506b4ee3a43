// The APIs that this broker serves, and how each says that a request as a whole was refused.

import { type AnyApi, apiVersions, encodeResponse } from '../wire/wire.ts';
import type { ServedApi } from './handler.ts';

export interface AdvertisedVersion {
  readonly apiKey: number;
  readonly minVersion: number;
  readonly maxVersion: number;
}

export class ApiTable {
  readonly #byKey: ReadonlyMap<number, ServedApi>;
  /** What ApiVersions answers: only what is served. */
  readonly advertised: readonly AdvertisedVersion[];

  constructor(served: readonly ServedApi[]) {
    this.#byKey = new Map(served.map((one) => [one.api.key, one]));
    this.advertised = [...this.#byKey.values()]
      .map(({ api: { key, versions, advertisedFrom } }) => ({
        apiKey: key,
        minVersion: advertisedFrom ?? versions[0],
        maxVersion: versions[1],
      }))
      .sort((a, b) => a.apiKey - b.apiKey);
  }

  get(apiKey: number): ServedApi | undefined {
    return this.#byKey.get(apiKey);
  }

  apiVersionsRefusal(correlationId: number, errorCode: number): Buffer[] {
    return encodeResponse(apiVersions, 0, correlationId, { errorCode, apiKeys: this.advertised });
  }
}

/**
 * The answer that carries an error for the whole request, or undefined where the API has no place for one: then the
 * connection is closed, as Kafka does. `request` is undefined when it could not be decoded.
 */
export function refusalBody(served: ServedApi, request: unknown, errorCode: number, message: string): unknown {
  if (served.refuse !== undefined && request !== undefined) return served.refuse(request as never, errorCode, message);
  return emptyRefusal(served.api, errorCode, message);
}

function emptyRefusal(api: AnyApi, errorCode: number, message: string): unknown {
  const { inner, absent } = api.response;
  if (inner?.['errorCode'] === undefined) return undefined;
  const body: Record<string, unknown> = { ...(absent as object), errorCode };
  if (inner['errorMessage'] !== undefined) body['errorMessage'] = message;
  return body;
}
