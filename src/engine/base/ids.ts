// The branded numbers of the engine. All int64 quantities live as safe integers: a value that does not fit 53 bits
// is refused where it enters (codec, flag, file), so arithmetic inside is exact. The constructors here are the only casts.

import { EngineError } from './errors.ts';

declare const brand: unique symbol;
type Branded<T, Name extends string> = T & { readonly [brand]: Name };

/** A record offset of one partition; ≥ 0. */
export type Offset = Branded<number, 'Offset'>;
/** Counts the leaders of a partition or domain; Kafka's leader epoch; 0 … 2^31−1. */
export type Term = Branded<number, 'Term'>;
/** The counter stamped into every L0 key; never "epoch" alone. */
export type ClusterEpoch = Branded<number, 'ClusterEpoch'>;
/** Counts the owners of a cluster's bucket prefix. */
export type Incarnation = Branded<number, 'Incarnation'>;
/** Milliseconds since 1970-01-01T00:00:00Z; −1 where Kafka says "none". */
export type TimestampMs = Branded<number, 'TimestampMs'>;
/** Lower-case UUID text with dashes. */
export type TopicId = Branded<string, 'TopicId'>;

function wholeNumber(name: string, value: number, min: number): number {
  if (!Number.isSafeInteger(value) || value < min) {
    throw new EngineError('bug', `${name} must be a whole number of at least ${min}, got ${value}`);
  }
  return value;
}

export const offset = (value: number): Offset => wholeNumber('offset', value, 0) as Offset;
export const term = (value: number): Term => wholeNumber('term', value, 0) as Term;
export const clusterEpoch = (value: number): ClusterEpoch => wholeNumber('cluster epoch', value, 0) as ClusterEpoch;
export const incarnation = (value: number): Incarnation => wholeNumber('incarnation', value, 0) as Incarnation;
export const timestampMs = (value: number): TimestampMs => wholeNumber('timestamp', value, -1) as TimestampMs;

const uuidText = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Refuses anything that is not a lower-case dashed UUID. */
export function topicId(value: string): TopicId {
  if (!uuidText.test(value)) throw new EngineError('bug', `topic id is not a UUID: ${value}`);
  return value as TopicId;
}

/** (incarnation, term, attempt), compared in that order. Every staged batch carries one. */
export interface Stamp {
  readonly incarnation: Incarnation;
  readonly term: Term;
  readonly attempt: number;
}

/** The stamp "before the first batch": lower than every real one. */
export const noStamp: Stamp = { incarnation: 0 as Incarnation, term: 0 as Term, attempt: 0 };

/** Negative, zero or positive, as for Array.sort. */
export function compareStamps(a: Stamp, b: Stamp): number {
  return a.incarnation - b.incarnation || a.term - b.term || a.attempt - b.attempt;
}
