// Durations, sizes and instants as people write them on a command line, and as they are shown.
// Refuses what is ambiguous: a bare number is seconds only where the flag says so, and never negative.

import { EngineError } from '../engine/base/errors.ts';

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** "250ms", "30s", "5m", "2h", "7d"; a bare number means seconds. Returns milliseconds. */
export function parseDuration(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)?$/.exec(text.trim());
  if (match === null) {
    throw new EngineError('usage', `"${text}" is not a duration`, { hint: 'write it like 500ms, 30s, 5m or 2h' });
  }
  return Number(match[1]) * (unitMs[match[2] ?? 's'] as number);
}

const unitBytes: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  k: 1e3,
  kb: 1e3,
  kib: 1024,
  m: 1e6,
  mb: 1e6,
  mib: 1024 ** 2,
  g: 1e9,
  gb: 1e9,
  gib: 1024 ** 3,
  tib: 1024 ** 4,
};

/** "1048576", "512KiB", "1.5 GiB", "10MB". Returns bytes. */
export function parseSize(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i.exec(text.trim());
  const unit = match === null ? undefined : unitBytes[(match[2] as string).toLowerCase()];
  if (match === null || unit === undefined) {
    throw new EngineError('usage', `"${text}" is not a size`, { hint: 'write it like 65536, 512KiB or 1.5GiB' });
  }
  return Math.round(Number(match[1]) * unit);
}

/** RFC 3339 ("2026-11-21T10:00:00Z"), a date, milliseconds since 1970, or a time ago ("15m ago"). Returns milliseconds. */
export function parseInstant(text: string, nowMs: number): number {
  const trimmed = text.trim();
  if (trimmed === 'now') return nowMs;
  if (/^\d{10,16}$/.test(trimmed)) return Number(trimmed);
  const ago = /^(.+?)\s*ago$/.exec(trimmed);
  if (ago !== null) return Math.round(nowMs - parseDuration(ago[1] as string));
  const parsed = /^\d{4}-\d{2}-\d{2}/.test(trimmed) ? Date.parse(trimmed) : Number.NaN;
  if (Number.isNaN(parsed)) {
    throw new EngineError('usage', `"${text}" is not a time`, {
      hint: 'write it like 2026-11-21T10:00:00Z, 1700000000000 (milliseconds) or "15m ago"',
    });
  }
  return parsed;
}

/** "1.5 GiB", for people; JSON has whole bytes. */
export function formatSize(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return unit === 0 ? `${bytes} B` : `${value.toFixed(value < 10 ? 2 : 1)} ${units[unit]}`;
}

/** "1,234,567" */
export const formatCount = (count: number): string => count.toLocaleString('en-US');

/** RFC 3339 in UTC; "-" where there is no time. */
export function formatInstant(ms: number): string {
  return ms < 0 || !Number.isFinite(ms) || ms > 8.64e15 ? '-' : new Date(ms).toISOString();
}

/** "0 s", "12 s", "5 min", "3 h", "2 d": how old something is, rounded down. */
export function formatAge(ms: number): string {
  if (ms < 120_000) return `${Math.floor(ms / 1000)} s`;
  if (ms < 7_200_000) return `${Math.floor(ms / 60_000)} min`;
  return ms < 172_800_000 ? `${Math.floor(ms / 3_600_000)} h` : `${Math.floor(ms / 86_400_000)} d`;
}

/** "250 ms", "1.5 s", "12 s", "5 min": how long something takes or waits. */
export function formatSpan(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  return ms < 10_000 ? `${Number((ms / 1000).toFixed(1))} s` : formatAge(ms);
}

/** "1 partition", "1,200 partitions". */
export const counted = (count: number, noun: string, many = `${noun}s`): string =>
  `${formatCount(count)} ${count === 1 ? noun : many}`;
