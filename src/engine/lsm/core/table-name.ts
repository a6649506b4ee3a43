// Names of tables and manifests: incarnation and term of the writer first, so that no two writers ever share a name, then a number
// that the writer counts. Fixed width, so that key order is (incarnation, term, number).

import { type Incarnation, incarnation, type Term, term } from '../../base/ids.ts';

export interface WriterName {
  readonly incarnation: Incarnation;
  readonly term: Term;
  /** Tables: its id. Manifests: its sequence. Both grow over all terms of a domain. */
  readonly number: number;
}

export type TableName = WriterName;
export type ManifestName = WriterName;

const pattern = /^(\d{10})-(\d{10})-(\d{16})$/;

const digits = (value: number, width: number): string => String(value).padStart(width, '0');

export function nameText(name: WriterName): string {
  return `${digits(name.incarnation, 10)}-${digits(name.term, 10)}-${digits(name.number, 16)}`;
}

/** Undefined for what is no such name. */
export function parseName(text: string): WriterName | undefined {
  const match = pattern.exec(text);
  if (match === null) return undefined;
  const number = Number(match[3]);
  if (!Number.isSafeInteger(number)) return undefined;
  return { incarnation: incarnation(Number(match[1])), term: term(Number(match[2])), number };
}

/** Negative, zero or positive, as for Array.sort; the order of the keys. */
export function compareNames(a: WriterName, b: WriterName): number {
  return a.incarnation - b.incarnation || a.term - b.term || a.number - b.number;
}

/** `prefix` is the domain's: "<cluster id>/domain/<name>/". */
export const tableKey = (prefix: string, name: TableName): string => `${prefix}sst/${nameText(name)}`;
export const manifestKey = (prefix: string, name: ManifestName): string => `${prefix}manifest/${nameText(name)}`;
