// How the bytes of one fetch answer are shared out. Pure.
//
// Partitions are served in order, each up to its own limit, until the answer is full. The first that has data gets its first
// batch whole, however large, so that a fetch always gets on.

export interface FetchWish {
  /** About what could be read now; 0 when there is nothing. */
  readonly availableBytes: number;
  readonly bytesMax: number;
}

export interface FetchShare {
  /** Index of the wish. */
  readonly wish: number;
  readonly bytesMax: number;
  readonly atLeastOne: boolean;
}

/** Only partitions that are to be read; `first` is the index of the wish that is served first. */
export function shareOut(wishes: readonly FetchWish[], answerBytesMax: number, first = 0): FetchShare[] {
  const shares: FetchShare[] = [];
  let leftBytes = Math.max(0, answerBytesMax);
  for (let step = 0; step < wishes.length; step++) {
    const at = (first + step) % wishes.length;
    const { availableBytes, bytesMax } = wishes[at] as FetchWish;
    if (availableBytes <= 0) continue;
    const atLeastOne = shares.length === 0;
    const bytes = Math.max(0, Math.min(availableBytes, bytesMax, leftBytes));
    if (bytes === 0 && !atLeastOne) continue;
    shares.push({ wish: at, bytesMax: bytes, atLeastOne });
    leftBytes -= bytes;
  }
  return shares;
}
