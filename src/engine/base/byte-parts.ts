// Bytes that lie in a list of parts, looked at without joining them.

/** The parts of [start, start + length), not copied. */
export function partsOf(parts: readonly Buffer[], start: number, length: number): Buffer[] {
  const found: Buffer[] = [];
  const end = start + length;
  let position = 0;
  for (const part of parts) {
    if (position >= end) break;
    const from = Math.max(start - position, 0);
    if (from < part.length) found.push(part.subarray(from, Math.min(part.length, end - position)));
    position += part.length;
  }
  return found;
}
