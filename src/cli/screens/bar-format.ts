// Bars, shares and clock times in a fixed width, so that a picture does not jitter from one second to the next.

/** A terminal that shows no block characters gets plain ones. */
export interface BarMarks {
  readonly full: string;
  readonly empty: string;
}

export const blockMarks: BarMarks = { full: '█', empty: '░' };
export const plainMarks: BarMarks = { full: '#', empty: '-' };

/** The console of Linux itself has a font without them. */
export const marksFor = (env: NodeJS.ProcessEnv): BarMarks => (env['TERM'] === 'linux' ? plainMarks : blockMarks);

/** Full only when everything is done. */
export function formatBar(share: number, width: number, { full, empty }: BarMarks): string {
  const filled = Math.min(width, Math.max(0, Math.floor(share * width)));
  return full.repeat(filled) + empty.repeat(width - filled);
}

/** " 61%"; 100% only when everything is done. */
export const formatShare = (share: number): string => `${String(Math.floor(share * 100)).padStart(3)}%`;

/** "0:07", "12:05", "3:00:59" */
export function formatElapsed(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  const two = (value: number): string => String(value).padStart(2, '0');
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(minutes / 60);
  return hours === 0 ? `${minutes}:${two(seconds % 60)}` : `${hours}:${two(minutes % 60)}:${two(seconds % 60)}`;
}
