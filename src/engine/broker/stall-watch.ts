// Tells a transfer that stands still, or crawls, from one that gets on.
//
// A transfer has an allowance of `stallMs`. Time takes from it, bytes give back (16 for a millisecond), never beyond what it was
// in the beginning; a transfer that has used it up has stalled. So one that stops is found out `stallMs` later however much it
// brought before and however much is left, and one that lasts has to keep up 16 KB/s, in bursts if it likes.
// It is looked at now and then (the sweep of connections), so that the bytes themselves need not be counted as they pass.

/** Slower than this many bytes per millisecond is a stalled transfer. */
export const transferBytesPerMsMin = 16;

export interface TransferSeen {
  readonly nowMs: number;
  /** Of the connection since it was opened. */
  readonly movedBytes: number;
  readonly stallMs: number;
  /** Another number is another transfer, which begins with a whole allowance. */
  readonly transfer: number;
  /** The broker itself does not let it get on: time takes nothing. */
  readonly held: boolean;
}

export class StallWatch {
  #transfer: number | undefined;
  #allowanceMs = 0;
  #lookedMs = 0;
  #movedBytes = 0;

  /** Whether the transfer has stalled. */
  look({ nowMs, movedBytes, stallMs, transfer, held }: TransferSeen): boolean {
    if (transfer !== this.#transfer) {
      this.#transfer = transfer;
      this.#allowanceMs = stallMs;
    } else if (!held) {
      const earnedMs = (movedBytes - this.#movedBytes) / transferBytesPerMsMin;
      this.#allowanceMs = Math.min(stallMs, this.#allowanceMs - (nowMs - this.#lookedMs) + earnedMs);
    }
    this.#lookedMs = nowMs;
    this.#movedBytes = movedBytes;
    return this.#allowanceMs <= 0;
  }

  /** There is nothing to watch now. */
  rest(): void {
    this.#transfer = undefined;
  }
}
