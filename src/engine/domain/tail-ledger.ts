// Counts what the log holds behind the flushed state: how many entries and bytes an opening would have to replay.

export class TailLedger {
  /** Bytes of the entries from `#covered` + 1 on; those before `#head` are forgotten already. */
  #sizes: number[] = [];
  #head = 0;
  #covered: number;
  #bytes = 0;

  /** Everything up to `covered` is flushed. */
  constructor(covered: number) {
    this.#covered = covered;
  }

  get entries(): number {
    return this.#sizes.length - this.#head;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** The next entry of the log. */
  add(bytes: number): void {
    this.#sizes.push(bytes);
    this.#bytes += bytes;
  }

  /** Everything up to and with this index is flushed. */
  cover(index: number): void {
    for (; this.#covered < index && this.entries > 0; this.#covered++) {
      this.#bytes -= this.#sizes[this.#head++] as number;
    }
    this.#covered = Math.max(this.#covered, index);
    if (this.#head * 2 < this.#sizes.length) return;
    this.#sizes = this.#sizes.slice(this.#head);
    this.#head = 0;
  }
}
