// NAME=VALUE as repeated flags give it.

import { EngineError } from '../engine/base/errors.ts';

/** A later value of the same name is refused: it is a slip more often than a wish. */
export function parseAssignments(texts: readonly string[], flag: string): Record<string, string> {
  const found: Record<string, string> = {};
  for (const text of texts) {
    const equals = text.indexOf('=');
    const name = text.slice(0, equals).trim();
    if (equals < 1 || name === '') {
      throw new EngineError('usage', `${flag} ${text}: expected NAME=VALUE`);
    }
    if (Object.hasOwn(found, name)) throw new EngineError('usage', `${flag} gives ${name} twice`);
    found[name] = text.slice(equals + 1);
  }
  return found;
}
