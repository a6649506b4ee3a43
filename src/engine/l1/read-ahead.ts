// Fetches chunks before a sequential reader asks for them: behind the place where it stands, through its extent and the next ones, up to
// its window.
//
// - for each reader one walk at a time. It looks up extents and opens footers for the whole window at once, then starts GETs
// - a GET ahead is started when the window has room for all of it, so that a reader of small reads does not cause small GETs
// - nothing that goes wrong here is told: it shows when the reader gets there

import type { ChunkCache } from './chunk-cache.ts';
import type { ChunkMemory } from './chunk-memory.ts';
import type { ExtentFinder, OpenExtent } from './extent-finder.ts';
import type { L1Place } from './l1-place.ts';
import { runLimits } from './read-ahead-policy.ts';
import type { BatchPlace, Located, ReadCursor } from './read-cursors.ts';

/** Extents that one reader has looked up: bounds how far ahead readers of tiny extents are. */
const locatedMax = 32;

interface Walk {
  /** The reader has moved since the last round began. */
  again: boolean;
  until: number;
  done: Promise<void>;
}

export class ReadAhead {
  readonly #finder: ExtentFinder;
  readonly #chunks: ChunkCache;
  readonly #memory: ChunkMemory;
  readonly #walking = new Map<ReadCursor, Walk>();
  #closed = false;

  constructor(finder: ExtentFinder, chunks: ChunkCache, memory: ChunkMemory) {
    this.#finder = finder;
    this.#chunks = chunks;
    this.#memory = memory;
  }

  /** The reader has moved; `until` is where its data ends. */
  follow(cursor: ReadCursor, until: number): void {
    if (this.#closed) return;
    const walking = this.#walking.get(cursor);
    if (walking !== undefined) {
      walking.again = true;
      walking.until = until;
      return;
    }
    const walk = { again: true, until, done: Promise.resolve() };
    this.#walking.set(cursor, walk);
    walk.done = this.#keepWalking(cursor, walk).finally(() => this.#walking.delete(cursor));
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#walking.values()].map(({ done }) => done));
  }

  async #keepWalking(cursor: ReadCursor, walk: Walk): Promise<void> {
    try {
      while (walk.again && this.#isOn(cursor)) {
        walk.again = false;
        await this.#lookAhead(cursor, walk);
        await this.#fetchAhead(cursor);
      }
    } catch {
      // The reader will see for itself.
    }
  }

  #isOn(cursor: ReadCursor): boolean {
    return !this.#closed && !cursor.gone;
  }

  /** Looks up the extents of the window and of the next one, and has their footers read: by then they are here. */
  async #lookAhead(cursor: ReadCursor, walk: Walk): Promise<void> {
    for (;;) {
      const last = cursor.located.at(-1)?.place;
      const from = last === undefined ? cursor.next : last.lastOffset + 1;
      if (from >= walk.until || cursor.located.length >= locatedMax || knownBytes(cursor) >= 2 * cursor.window) return;
      const found = await this.#finder.locate(cursor, from);
      if (found === undefined || found.place.baseOffset >= walk.until || !this.#isOn(cursor)) return;
      // The reader may have gone past it meanwhile.
      if (cursor.located.at(-1)?.place === last) return;
      this.#open(cursor, found)?.catch(() => {});
    }
  }

  #open(cursor: ReadCursor, { place }: Located): Promise<OpenExtent> | undefined {
    const opened = this.#finder.open(cursor.of, place);
    return opened instanceof Promise ? opened : undefined;
  }

  async #fetchAhead(cursor: ReadCursor): Promise<void> {
    let before = 0;
    for (const located of [...cursor.located]) {
      const extent = await this.#finder.open(cursor.of, located.place);
      if (!this.#isOn(cursor) || !this.#fetchExtent(cursor, located, extent, before)) return;
      before += bytesLeft(cursor, located);
    }
  }

  /** Whether the window goes on behind the extent, which has `before` bytes between the reader and it. */
  #fetchExtent(cursor: ReadCursor, located: Located, { object, section }: OpenExtent, before: number): boolean {
    const { footer } = object;
    const stands = standsIn(cursor.at, located.place);
    const start = stands?.position ?? located.place.position;
    const end = footer.endChunk(section);
    let chunk = Math.max(located.aheadChunk ?? 0, stands?.chunk ?? footer.firstChunk(section));
    const { leastBytes, mostBytes } = runLimits(cursor.window, cursor.readBytes, this.#memory.runBytesMax);
    const windowEnd = start + cursor.window - before;
    while (chunk < end) {
      let runEnd = chunk + 1;
      for (const from = footer.chunkPosition(chunk); runEnd < end; runEnd++) {
        const last = footer.chunkEnd(runEnd);
        if (last - from > (last > windowEnd ? leastBytes : mostBytes)) break;
      }
      if (footer.chunkEnd(runEnd - 1) > windowEnd) return false;
      const reached = this.#chunks.ahead(object, chunk, runEnd);
      if (reached === chunk) return false;
      located.aheadChunk = reached;
      chunk = reached;
    }
    return true;
  }
}

/** The reader's place, where it is in this extent or just behind it. */
export function standsIn(at: BatchPlace | undefined, place: L1Place): BatchPlace | undefined {
  if (at === undefined || at.objectId !== place.objectId) return undefined;
  return at.position >= place.position && at.position <= place.position + place.length ? at : undefined;
}

function bytesLeft({ at }: ReadCursor, { place }: Located): number {
  return place.position + place.length - (standsIn(at, place)?.position ?? place.position);
}

const knownBytes = (cursor: ReadCursor): number =>
  cursor.located.reduce((sum, located) => sum + bytesLeft(cursor, located), 0);
