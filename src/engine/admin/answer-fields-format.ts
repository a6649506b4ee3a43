// Fields of an answer of a broker's admin server, checked one by one. Fields that a newer broker adds are left alone.
//
// What it refuses: an answer that lacks what is read here (`unsupported-version`). It came from something else than a broker, or from
// one too different.

import { EngineError } from '../base/errors.ts';

export type Fields = Readonly<Record<string, unknown>>;

export function optional<T>(value: unknown, read: (value: unknown) => T): T | null {
  return value === null || value === undefined ? null : read(value);
}

export function record(value: unknown, what: string): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw strange(`${what} is not an object`);
  return value as Record<string, unknown>;
}

export function list(fields: Fields, name: string): readonly unknown[] {
  const value = fields[name];
  if (!Array.isArray(value)) throw strange(`"${name}" is not a list`);
  return value;
}

export const text = (fields: Fields, name: string): string => asText(fields[name], name);

export function asText(value: unknown, name: string): string {
  if (typeof value !== 'string') throw strange(`"${name}" is not a text`);
  return value;
}

export function count(fields: Fields, name: string): number {
  const value = fields[name];
  if (typeof value !== 'number' || !Number.isFinite(value) || value < 0) throw strange(`"${name}" is not a count`);
  return value;
}

export function strange(problem: string): EngineError {
  return new EngineError('unsupported-version', `the admin server answers something else than expected: ${problem}`, {
    hint: 'check that --admin names a cloudtopics broker of this version',
  });
}

/** A number that is not below 0, or null. */
export const countOrNull = (fields: Fields, name: string): number | null =>
  optional(fields[name], () => count(fields, name));

export const textOrNull = (fields: Fields, name: string): string | null =>
  optional(fields[name], () => text(fields, name));

export function flag(fields: Fields, name: string): boolean {
  const value = fields[name];
  if (typeof value !== 'boolean') throw strange(`"${name}" is neither true nor false`);
  return value;
}
