// A mebibyte that is checked, or handed to a socket, keeps the event loop for about a millisecond. Who moves many of them asks here before
// each: so many bytes pass in one turn of the loop, first come first served, and between turns everybody else has theirs.

import { setImmediate } from 'node:timers';

interface Waiting {
  readonly bytes: number;
  readonly pass: () => void;
}

export class TurnGate {
  readonly #bytesPerTurn: number;
  #leftBytes: number;
  readonly #waiting: Waiting[] = [];
  #turnsOver = false;

  /** A piece that is larger than a turn's share has a turn for itself. */
  constructor(bytesPerTurn: number) {
    this.#bytesPerTurn = bytesPerTurn;
    this.#leftBytes = bytesPerTurn;
  }

  /** Undefined where there is nothing to wait for. */
  pass(bytes: number): Promise<void> | undefined {
    this.#awaitTurn();
    if (this.#waiting.length === 0 && this.#admits(bytes)) return undefined;
    return new Promise((pass) => this.#waiting.push({ bytes, pass }));
  }

  #admits(bytes: number): boolean {
    if (bytes > this.#leftBytes && this.#leftBytes < this.#bytesPerTurn) return false;
    this.#leftBytes -= bytes;
    return true;
  }

  #awaitTurn(): void {
    if (this.#turnsOver) return;
    this.#turnsOver = true;
    setImmediate(() => this.#nextTurn());
  }

  #nextTurn(): void {
    this.#turnsOver = false;
    this.#leftBytes = this.#bytesPerTurn;
    let passed = 0;
    while (passed < this.#waiting.length) {
      const { bytes, pass } = this.#waiting[passed] as Waiting;
      if (!this.#admits(bytes)) break;
      pass();
      passed++;
    }
    this.#waiting.splice(0, passed);
    if (passed > 0 || this.#waiting.length > 0) this.#awaitTurn();
  }
}
