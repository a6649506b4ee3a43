// How entries of the tables of broker settings are written down.

import type { ConfigDefinition } from './config-definition.ts';

export type Entry = Omit<ConfigDefinition, 'name'>;

export const intMax = 2 ** 31 - 1;
export const mebibytes = (count: number) => String(count * 1024 * 1024);

export const int = (
  defaultValue: number | string,
  min: number,
  max: number,
  doc: string,
  more: Partial<Entry> = {},
): Entry => ({
  type: 'int',
  defaultValue: String(defaultValue),
  min,
  max,
  doc,
  ...more,
});

export const long = (defaultValue: number | string, min: number, doc: string, more: Partial<Entry> = {}): Entry => ({
  type: 'long',
  defaultValue: String(defaultValue),
  min,
  doc,
  ...more,
});

export const dynamic = { dynamic: true } as const;
