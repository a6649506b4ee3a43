// Tables are fetched and kept locally in chunks of one size. Which chunks a range touches, and the parts of each chunk.

export const chunkBytes = 1024 * 1024;

/** One chunk's share of a range. */
export interface ChunkPiece {
  readonly index: number;
  /** Place inside the chunk. */
  readonly at: number;
  readonly length: number;
}

/** In order; the range is inside the table, and not empty. */
export function chunkPieces(start: number, length: number): ChunkPiece[] {
  const pieces: ChunkPiece[] = [];
  const end = start + length;
  for (let position = start; position < end; ) {
    const index = Math.floor(position / chunkBytes);
    const at = position - index * chunkBytes;
    const taken = Math.min(chunkBytes - at, end - position);
    pieces.push({ index, at, length: taken });
    position += taken;
  }
  return pieces;
}

/** Bytes of a chunk of a table of `sizeBytes`: the last one is shorter. */
export const chunkLength = (index: number, sizeBytes: number): number =>
  Math.min(chunkBytes, sizeBytes - index * chunkBytes);

/** All parts, cut into those of each chunk; not copied. */
export function partsByChunk(parts: readonly Buffer[]): Buffer[][] {
  const chunks: Buffer[][] = [];
  let missing = 0;
  for (const part of parts) {
    for (let from = 0; from < part.length; ) {
      if (missing === 0) {
        chunks.push([]);
        missing = chunkBytes;
      }
      const taken = Math.min(missing, part.length - from);
      chunks.at(-1)?.push(taken === part.length ? part : part.subarray(from, from + taken));
      from += taken;
      missing -= taken;
    }
  }
  return chunks;
}

/** Fresh memory, so that a small piece that is kept for long does not hold a whole chunk. */
export function copyOf(chunk: Buffer, at: number, length: number): Buffer {
  if (length === chunk.length) return chunk;
  const copy = Buffer.allocUnsafe(length);
  chunk.copy(copy, 0, at, at + length);
  return copy;
}
