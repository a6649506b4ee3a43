// Collects operations while a transaction is being flushed, and gives all of them to the next one.
//
// - Operations are staged in the order in which they were issued; each judges the state that those before it leave behind.
// - One transaction at a time: what is staged is either flushed as a whole, or undone as a whole, newest first.
// - The queue is bounded in bytes; what does not fit is refused.

import { EngineError, hasCode } from '../base/errors.ts';

export interface LogOperation {
  /** Roughly what it writes. */
  readonly bytes: number;
  /** Judges and changes the state in memory. False when there is nothing to write; the operation has settled itself then. */
  stage(): boolean;
  /** Puts and removes in the open transaction. */
  write(): void;
  committed(): void;
  /** Takes back what `stage` did. */
  undo(): void;
  /** Nothing was written (`disk-full`, `log-unavailable`). */
  refuse(error: EngineError): void;
  /** Whether it was written is not known. */
  lose(error: EngineError): void;
}

export interface GroupCommitOptions {
  readonly commit: (bytes: number, change: () => void) => Promise<void>;
  readonly onFatal: (error: Error) => void;
  readonly transactionBytesMax?: number;
  readonly queueBytesMax?: number;
}

export class GroupCommit {
  readonly #options: GroupCommitOptions;
  readonly #transactionBytesMax: number;
  readonly #queueBytesMax: number;
  #queue: LogOperation[] = [];
  #queueBytes = 0;
  #running: Promise<void> | undefined;
  #stopped: EngineError | undefined;
  transactions = 0;

  constructor(options: GroupCommitOptions) {
    this.#options = options;
    this.#transactionBytesMax = options.transactionBytesMax ?? 16 * 1024 * 1024;
    this.#queueBytesMax = options.queueBytesMax ?? 256 * 1024 * 1024;
  }

  issue(operation: LogOperation): void {
    if (this.#stopped !== undefined) {
      operation.refuse(this.#stopped);
      return;
    }
    if (this.#queueBytes + operation.bytes > this.#queueBytesMax && this.#queue.length > 0) {
      const context = { queuedBytes: this.#queueBytes, queueBytesMax: this.#queueBytesMax };
      operation.refuse(new EngineError('log-unavailable', 'too much waits for the log to be flushed', { context }));
      return;
    }
    this.#queue.push(operation);
    this.#queueBytes += operation.bytes;
    this.#running ??= this.#run();
  }

  /** Refuses whatever comes from now on, and resolves when everything issued before has settled. */
  async stop(): Promise<void> {
    this.#stopped ??= new EngineError('log-unavailable', 'the log is closed');
    await this.#running;
  }

  async #run(): Promise<void> {
    // The turn in which the first operation was issued may issue more: they belong into the same transaction.
    await Promise.resolve();
    while (this.#queue.length > 0) await this.#commitNext();
    this.#running = undefined;
  }

  #take(): { staged: LogOperation[]; bytes: number } {
    const staged: LogOperation[] = [];
    let bytes = 0;
    let taken = 0;
    for (const operation of this.#queue) {
      if (taken > 0 && bytes + operation.bytes > this.#transactionBytesMax) break;
      taken += 1;
      this.#queueBytes -= operation.bytes;
      if (!operation.stage()) continue;
      staged.push(operation);
      bytes += operation.bytes;
    }
    this.#queue = taken === this.#queue.length ? [] : this.#queue.slice(taken);
    return { staged, bytes };
  }

  async #commitNext(): Promise<void> {
    const { staged, bytes } = this.#take();
    if (staged.length === 0) return;
    try {
      await this.#options.commit(bytes, () => {
        for (const operation of staged) operation.write();
      });
    } catch (error) {
      for (const operation of staged.toReversed()) operation.undo();
      if (hasCode(error, 'disk-full')) for (const operation of staged) operation.refuse(error);
      else this.#die(error as Error, staged);
      return;
    }
    this.transactions += 1;
    for (const operation of staged) operation.committed();
  }

  /** A flush failed: what the disk holds now is not known, and asking it again would not tell the truth. */
  #die(cause: Error, staged: readonly LogOperation[]): void {
    const error = new EngineError('log-unavailable', `the log could not be flushed: ${cause.message}`, { cause });
    this.#stopped = error;
    // The owner is told first: it ends the process before anybody can act on an outcome.
    this.#options.onFatal(error);
    for (const operation of staged) operation.lose(error);
    const waiting = this.#queue;
    this.#queue = [];
    this.#queueBytes = 0;
    for (const operation of waiting) operation.refuse(error);
  }
}
