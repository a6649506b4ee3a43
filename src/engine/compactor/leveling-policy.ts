// Chooses which neighbours among small extents are worth merging into one. Pure.
//
// Every merge must pay: either its result is large enough never to be touched again, or it is at least twice as large as its largest
// part, so that a byte is rewritten about log2(large / first size) times in its life, however slowly small extents come in. Merging
// whatever is small would rewrite a growing extent each time for a few more bytes.

export interface LevelingSizes {
  /** An extent of this size is large: nobody merges it any more. */
  readonly extentBytesMin: number;
  /** A merge is closed when it has this many bytes. */
  readonly objectBytes: number;
}

/** From the first to the last extent of a merge, both included, as positions in the run. */
export interface Merge {
  readonly first: number;
  readonly last: number;
  readonly bytes: number;
}

/** Fewer are not worth an upload unless the result is large. */
const extentsMin = 4;

/** `lengths` are those of neighbouring small extents, in offset order. Merges are in order and apart from each other. */
export function chooseMerges(lengths: readonly number[], sizes: LevelingSizes): Merge[] {
  const merges: Merge[] = [];
  let first = 0;
  let bytes = 0;
  for (const [at, length] of lengths.entries()) {
    bytes += length;
    if (bytes < sizes.objectBytes || at === first) continue;
    merges.push({ first, last: at, bytes });
    first = at + 1;
    bytes = 0;
  }
  if (bytes >= sizes.extentBytesMin && lengths.length - first >= 2) {
    merges.push({ first, last: lengths.length - 1, bytes });
    return merges;
  }
  return [...merges, ...doublingMerges(lengths, first)];
}

/** The rest of the run, which all together is small: longest merges first from the left. */
function doublingMerges(lengths: readonly number[], from: number): Merge[] {
  const merges: Merge[] = [];
  for (let first = from; first <= lengths.length - extentsMin; ) {
    const merge = longestDoubling(lengths, first);
    if (merge !== undefined) merges.push(merge);
    first = (merge?.last ?? first) + 1;
  }
  return merges;
}

function longestDoubling(lengths: readonly number[], first: number): Merge | undefined {
  let found: Merge | undefined;
  let bytes = 0;
  let largest = 0;
  for (let last = first; last < lengths.length; last++) {
    const length = lengths[last] as number;
    bytes += length;
    largest = Math.max(largest, length);
    if (last - first + 1 >= extentsMin && largest * 2 <= bytes) found = { first, last, bytes };
  }
  return found;
}
