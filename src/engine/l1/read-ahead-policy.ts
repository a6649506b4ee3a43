// How far ahead of a sequential reader chunks are fetched, and in what pieces.

export interface AheadLimits {
  readonly windowBytesMin: number;
  readonly windowBytesMax: number;
  /** What all readers together may have fetched ahead. */
  readonly bytesMax: number;
}

const mebibyte = 1024 * 1024;

/** At 30 ms for a GET, a window of 48 MiB lets one reader have a GiB a second and more. */
export const windowBytesMin = 2 * mebibyte;
export const windowBytesMax = 48 * mebibyte;

/** The window after one more sequential read; 0 is before the first. Never more than a fair share. */
export function nextWindow(window: number, readers: number, limits: AheadLimits): number {
  const grown = window === 0 ? limits.windowBytesMin : Math.min(window * 2, limits.windowBytesMax);
  return Math.min(grown, Math.floor(limits.bytesMax / Math.max(1, readers)));
}

export interface RunLimits {
  readonly leastBytes: number;
  readonly mostBytes: number;
}

/**
 * Bytes of one GET ahead: at least two fit the window, so that one is on its way while the other is read. Where the reader takes more
 * than that at a time, a GET is as large, if the window has room for it.
 */
export function runLimits(window: number, readBytes: number, runBytesMax: number): RunLimits {
  const leastBytes = Math.min(Math.floor(window / 2), runBytesMax);
  return { leastBytes, mostBytes: Math.min(Math.max(leastBytes, readBytes), runBytesMax) };
}
