// A limit in bytes that callers wait for, first come, first served. One request larger than the whole limit is let through
// alone instead of waiting for ever.

interface Waiter {
  readonly bytes: number;
  readonly start: () => void;
}

export class ByteBudget {
  readonly bytesMax: number;
  #usedBytes = 0;
  readonly #waiting: Waiter[] = [];

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax;
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** The way to give the bytes back, or undefined when somebody would have to wait. */
  tryTake(bytes: number): (() => void) | undefined {
    const charged = Math.min(bytes, this.bytesMax);
    if (this.#waiting.length > 0 || this.#usedBytes + charged > this.bytesMax) return undefined;
    this.#usedBytes += charged;
    return () => this.#giveBack(charged);
  }

  /** Resolves with the way to give the bytes back, which may be called once. */
  async take(bytes: number): Promise<() => void> {
    const charged = Math.min(bytes, this.bytesMax);
    if (this.#waiting.length > 0 || this.#usedBytes + charged > this.bytesMax) {
      await new Promise<void>((start) => this.#waiting.push({ bytes: charged, start }));
    } else {
      this.#usedBytes += charged;
    }
    return () => this.#giveBack(charged);
  }

  #giveBack(bytes: number): void {
    this.#usedBytes -= bytes;
    for (;;) {
      const next = this.#waiting[0];
      if (next === undefined || this.#usedBytes + next.bytes > this.bytesMax) return;
      this.#waiting.shift();
      this.#usedBytes += next.bytes;
      next.start();
    }
  }
}
