// Who gets how much of the next object. Pure.
//
// Everybody gets what it wants up to a fair share, and what those leave over is shared among the others. Where a fair share would be too
// small to be worth a section, only some are served, beginning with the one whose turn it is, so that nobody starves behind a hot one.
// However many want little, all of them are served where all of it fits.

/** Less than this is no section worth reading, of a partition that has more. */
const shareBytesMin = 64 * 1024;

/** Bytes for each want, 0 for those that wait for the next object. `first` is the index of the one whose turn it is. */
export function shareBudget(wants: readonly number[], budgetBytes: number, first = 0): number[] {
  const shares = new Array<number>(wants.length).fill(0);
  const served: number[] = [];
  let least = 0;
  for (let step = 0; step < wants.length; step++) {
    const at = (first + step) % wants.length;
    const want = wants[at] as number;
    if (want === 0) continue;
    least += Math.min(want, shareBytesMin);
    if (least > budgetBytes && served.length > 0) break;
    served.push(at);
  }
  // Smallest wants first: what they leave over makes the fair share of the rest larger.
  let left = budgetBytes;
  let waiting = served.length;
  for (const at of served.toSorted((a, b) => (wants[a] as number) - (wants[b] as number))) {
    const share = Math.min(wants[at] as number, Math.max(1, Math.floor(left / waiting)));
    shares[at] = share;
    left -= share;
    waiting--;
  }
  return shares;
}
