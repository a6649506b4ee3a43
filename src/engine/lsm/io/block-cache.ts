// The blocks that all tables of the process share: bounded in bytes, evicted by second chance.
//
// - a look-up is one array slot and a mark: a block that was asked for since the hand last passed it stays for another round
// - `bytes` never exceeds `bytesMax`: room is made before a block is put in, and a block larger than the whole cache is not kept
// - a block that was evicted stays good for whoever holds it; only the next look-up misses

/** What can be kept. */
export interface SizedBlock {
  /** With everything that is held because of it. */
  readonly memoryBytes: number;
}

/** The slot, the entry and the ring place of a kept block, about. */
const entryOverheadBytes = 80;

interface Entry {
  readonly slots: (Entry | undefined)[];
  readonly at: number;
  readonly place: number;
  readonly block: SizedBlock;
  readonly bytes: number;
  touched: boolean;
}

/** The blocks of one table, by their number in it. */
export class CachedBlocks<B extends SizedBlock> {
  readonly #cache: BlockCache;
  readonly slots: (Entry | undefined)[] = [];

  constructor(cache: BlockCache) {
    this.#cache = cache;
  }

  get(at: number): B | undefined {
    const entry = this.slots[at];
    if (entry === undefined) {
      this.#cache.misses++;
      return undefined;
    }
    entry.touched = true;
    this.#cache.hits++;
    return entry.block as B;
  }

  /** Without a mark and without being counted: for reading through once. */
  peek(at: number): B | undefined {
    return this.slots[at]?.block as B | undefined;
  }

  put(at: number, block: B): void {
    this.#cache.put(this.slots, at, block);
  }
}

export class BlockCache {
  readonly bytesMax: number;
  hits = 0;
  misses = 0;
  #bytes = 0;
  #hand = 0;
  /** Undefined: a free place, listed in #free. */
  readonly #ring: (Entry | undefined)[] = [];
  readonly #free: number[] = [];
  readonly #tables = new WeakMap<object, CachedBlocks<SizedBlock>>();

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** The blocks of a table, which is known by identity: two readers of one object keep theirs apart. */
  of<B extends SizedBlock>(table: object): CachedBlocks<B> {
    let blocks = this.#tables.get(table);
    if (blocks === undefined) {
      blocks = new CachedBlocks(this);
      this.#tables.set(table, blocks);
    }
    return blocks as CachedBlocks<B>;
  }

  /** Drops the blocks of a table (a TableReader) that nobody will read any more. Reading it after all is no mistake. */
  forget(table: object): void {
    const blocks = this.#tables.get(table);
    if (blocks === undefined) return;
    for (const entry of blocks.slots) if (entry !== undefined) this.#drop(entry);
    blocks.slots.length = 0;
  }

  /** For CachedBlocks. */
  put(slots: (Entry | undefined)[], at: number, block: SizedBlock): void {
    const old = slots[at];
    if (old !== undefined) this.#drop(old);
    const bytes = block.memoryBytes + entryOverheadBytes;
    if (bytes > this.bytesMax) return;
    this.#makeRoom(bytes);
    const place = this.#free.pop() ?? this.#ring.length;
    while (slots.length < at) slots.push(undefined);
    const entry = { slots, at, place, block, bytes, touched: false };
    slots[at] = entry;
    this.#ring[place] = entry;
    this.#bytes += bytes;
  }

  #makeRoom(bytes: number): void {
    while (this.#bytes + bytes > this.bytesMax) {
      if (this.#hand >= this.#ring.length) this.#hand = 0;
      const entry = this.#ring[this.#hand++];
      if (entry === undefined) continue;
      if (entry.touched) entry.touched = false;
      else this.#drop(entry);
    }
  }

  #drop(entry: Entry): void {
    entry.slots[entry.at] = undefined;
    this.#ring[entry.place] = undefined;
    this.#free.push(entry.place);
    this.#bytes -= entry.bytes;
  }
}
