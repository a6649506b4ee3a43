// One API of the protocol: its key, its versions, and the schemas of request and response. Codecs are compiled per version
// when the version is first used.

import { EngineError } from '../base/errors.ts';
import type { AnyField, Codec, InOf, OutOf } from './field.ts';

export interface ApiDefinition<Name extends string, Request extends AnyField, Response extends AnyField> {
  readonly key: number;
  readonly name: Name;
  /** First and last version that is understood. */
  readonly versions: readonly [min: number, max: number];
  /** Where lower versions are advertised than are understood: requests of those are refused. */
  readonly advertisedFrom?: number;
  /** First flexible version; none where not given. */
  readonly flexibleFrom?: number;
  /** The response header never has tagged fields: clients read it before they know what the broker speaks. */
  readonly plainResponseHeader?: boolean;
  readonly request: Request;
  readonly response: Response;
}

export interface Api<Name extends string, Request extends AnyField, Response extends AnyField>
  extends ApiDefinition<Name, Request, Response> {
  understands(version: number): boolean;
  requestHeaderVersion(version: number): 1 | 2;
  responseHeaderVersion(version: number): 0 | 1;
  /** Throws `unsupported-version`. */
  requestCodec(version: number): Codec<OutOf<Request>, InOf<Request>>;
  responseCodec(version: number): Codec<OutOf<Response>, InOf<Response>>;
}

export type AnyApi = Api<string, AnyField, AnyField>;

/** A request as decoded: every field is present. */
export type RequestOf<A extends { readonly request: AnyField }> = OutOf<A['request']>;
/** A response as decoded: every field is present. */
export type ResponseOf<A extends { readonly response: AnyField }> = OutOf<A['response']>;
/** A request to encode: fields that have a default may be left out. */
export type RequestInput<A extends { readonly request: AnyField }> = InOf<A['request']>;
/** A response to encode: fields that have a default may be left out. */
export type ResponseInput<A extends { readonly response: AnyField }> = InOf<A['response']>;

export function defineApi<const Name extends string, Request extends AnyField, Response extends AnyField>(
  definition: ApiDefinition<Name, Request, Response>,
): Api<Name, Request, Response> {
  const { key, name, versions, flexibleFrom = Number.POSITIVE_INFINITY } = definition;
  const [min, max] = versions;
  const understands = (version: number): boolean => version >= min && version <= max;
  const compiled = <F extends AnyField>(field: F): ((version: number) => Codec<OutOf<F>, InOf<F>>) => {
    const codecs: Codec<OutOf<F>, InOf<F>>[] = [];
    return (version) => {
      const known = codecs[version];
      if (known !== undefined) return known;
      if (!understands(version)) {
        throw new EngineError('unsupported-version', `${name} v${version} is not served, only v${min} to v${max}`, {
          context: { apiKey: key, apiVersion: version },
        });
      }
      const codec = field.compile({ version, flexible: version >= flexibleFrom }) as Codec<OutOf<F>, InOf<F>>;
      codecs[version] = codec;
      return codec;
    };
  };
  return {
    ...definition,
    understands,
    requestHeaderVersion: (version) => (version >= flexibleFrom ? 2 : 1),
    responseHeaderVersion: (version) => (version >= flexibleFrom && definition.plainResponseHeader !== true ? 1 : 0),
    requestCodec: compiled(definition.request),
    responseCodec: compiled(definition.response),
  };
}
