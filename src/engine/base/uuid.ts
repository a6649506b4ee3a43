// UUIDs as lower-case dashed text. Version 7 begins with the time, so names sort by age.

import type { Clock } from './clock.ts';
import type { Random } from './random.ts';

function format(bytes: Buffer, version: number): string {
  bytes[6] = ((bytes[6] as number) & 0x0f) | (version << 4);
  bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80;
  const hex = bytes.toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

export function uuidv4(random: Random): string {
  return format(random.bytes(16), 4);
}

export function uuidv7(clock: Clock, random: Random): string {
  const bytes = random.bytes(16);
  bytes.writeUIntBE(clock.nowMs(), 0, 6);
  return format(bytes, 7);
}
