// Rows of domains for people: key, kind, and the other fields as name=value on one line.

import type { RowView } from '../engine/audit/audit.ts';

/** Keys and undecoded values may hold anything: what would move the cursor or end the line is escaped. */
export function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
  return text.replace(/[\x00-\x1f\x7f-\x9f\\\u2028\u2029]/g, (found) =>
    found === '\\' ? '\\\\' : `\\u${found.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** Fields that the key says already are left out where they repeat it. */
export function rowText({ kind: _kind, ...fields }: RowView, keyFields: ReadonlySet<string> = noFields): string {
  return Object.entries(fields)
    .filter(([name]) => !keyFields.has(name))
    .map(([name, value]) => `${name}=${fieldText(value)}`)
    .join(' ');
}

const noFields: ReadonlySet<string> = new Set();

function fieldText(value: unknown): string {
  if (typeof value === 'string') return /^[\w.:/+-]+$/.test(value) ? value : JSON.stringify(value);
  return JSON.stringify(value);
}
