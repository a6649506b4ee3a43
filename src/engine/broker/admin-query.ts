// The parameters of an admin request. One that is not known is refused: a spelling mistake must not widen what is asked for.

import { EngineError } from '../base/errors.ts';

export function refuseStrangers(query: URLSearchParams, known: readonly string[]): void {
  const stranger = [...query.keys()].find((name) => !known.includes(name));
  if (stranger !== undefined) throw new EngineError('usage', `unknown parameter ${JSON.stringify(stranger)}`);
}

/** True for `?name`, `?name=true` and `?name=1`. */
export function switchIn(query: URLSearchParams, name: string): boolean {
  const text = query.get(name) ?? 'false';
  if (!['true', 'false', '1', '0', ''].includes(text)) throw new EngineError('usage', `${name} is true or false`);
  return text === 'true' || text === '1' || text === '';
}

export function limitIn(query: URLSearchParams, max: number, otherwise: number): number {
  const text = query.get('limit') ?? String(otherwise);
  const limit = /^\d{1,6}$/.test(text) ? Number(text) : 0;
  if (limit < 1 || limit > max) throw new EngineError('usage', `limit is a number from 1 to ${max}`);
  return limit;
}
