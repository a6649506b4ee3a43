// What a schema is made of. A field knows its type, the versions that have it, and what stands in for it in versions that
// have not. `compile` turns it into a codec for one version, in which no version is compared any more.
//
// Rules:
// - a decoded value has every field; one that the version lacks has its default, or else the zero of its type
// - when encoding, a field with a default (every tagged field has one) may be left out; the others must be given
// - a value given for a field that the version lacks is not sent

import type { ByteWriter } from '../base/byte-writer.ts';
import type { WireReader } from './wire-reader.ts';

export interface WireVersion {
  readonly version: number;
  /** Compact lengths and tagged fields. */
  readonly flexible: boolean;
}

/** A field's type at one version. */
export interface Codec<Out, In> {
  /** No encoding is shorter. */
  readonly bytesMin: number;
  decode(reader: WireReader): Out;
  encode(writer: ByteWriter, value: In): void;
}

export interface FieldOptions<T> {
  /** First version that has the field; 0 where not given. */
  readonly from?: number;
  /** Last version that has the field. */
  readonly until?: number;
  /** First version in which it may be null. */
  readonly nullableFrom?: number;
  readonly default?: T | null;
  /** Number of a tagged field: sent only when it differs from its default. */
  readonly tag?: number;
}

export interface Field<Out, In, Optional extends boolean> {
  /** For people: "int32", "[]string". */
  readonly typeName: string;
  readonly options: FieldOptions<unknown>;
  /** Whether it may be left out when encoding. Only for the type checker. */
  readonly optional: Optional;
  /** What a decoded value has where the message has nothing. */
  readonly absent: Out;
  /** Fields inside, of structs and arrays of structs. */
  readonly inner: Readonly<Record<string, AnyField>> | undefined;
  compile(at: WireVersion): Codec<Out, In>;
  /** Whether a tagged field with this value needs no sending. */
  isAbsent(value: In): boolean;
}

export type AnyField = Field<unknown, never, boolean>;

export type OutOf<F> = F extends Field<infer Out, never, boolean> ? Out : never;
export type InOf<F> = F extends Field<unknown, infer In, boolean> ? In : never;

export type NoOptions = Record<never, never>;

/** The field that a type's constructor returns for the options `O`. */
export type FieldOf<Out, In, O> = Field<
  O extends { readonly nullableFrom: number } ? Out | null : Out,
  O extends { readonly nullableFrom: number } ? In | null : In,
  O extends { readonly default: unknown } | { readonly tag: number } ? true : false
>;

export function isNullable(options: FieldOptions<unknown>, version: number): boolean {
  return options.nullableFrom !== undefined && version >= options.nullableFrom;
}

export function isPresent(options: FieldOptions<unknown>, version: number): boolean {
  return version >= (options.from ?? 0) && version <= (options.until ?? Number.POSITIVE_INFINITY);
}
