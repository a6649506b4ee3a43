// The way of changes into the control domain: decided one after the other on a draft, many in one write, shown when it is durable.
//
// - one write is under way at a time; the requests that come meanwhile share the next one
// - a request that is refused leaves the draft as it was; when a write fails, everything that was judged on its draft fails
// - after a failed write nothing is decided until the rows were read back; that is tried again and again, asked for or not
// What it refuses: requests beyond a limit in bytes that wait already, because the bucket is away for long (`log-unavailable`).

import type { Clock } from '../base/clock.ts';
import { EngineError, toEngineError } from '../base/errors.ts';
import type { Logger } from '../base/logger.ts';
import type { Domain } from '../domain/domain.ts';
import { ControlDraft, type ControlStep, type DraftBase } from './control-draft.ts';

export interface ControlRequest {
  /** What it holds in memory while it waits, about. */
  readonly bytes: number;
  /** Decides on the draft; what it throws refuses the request, and it must not have touched the draft then. */
  readonly decide: (draft: ControlDraft) => void;
  /** Called when the draft is durable and shown, with what the listeners do about this request. */
  readonly done: (listening: readonly Promise<void>[]) => void;
  readonly fail: (error: unknown) => void;
}

export interface ControlQueueOptions {
  readonly domain: Domain;
  readonly clock: Clock;
  readonly logger: Logger;
  /** What is durable and visible now. */
  readonly base: () => DraftBase;
  /** Makes what is visible equal to the rows. */
  readonly reload: () => Promise<void>;
  /** Makes a step visible; returns what the listeners do about it. */
  readonly show: (step: ControlStep) => readonly Promise<void>[];
}

/** Requests of one write; well below the 1 MiB that a write may have. A single request may be larger. */
const writeBytesMax = 256 * 1024;
const readBackAgainMs = 1_000;
/** Of requests that wait. One that nobody waits before is taken whatever its size. */
export const waitingBytesMax = 64 * 1024 * 1024;
const plainRequestBytes = 1024;

export class ControlQueue {
  readonly #options: ControlQueueOptions;
  readonly #waiting: ControlRequest[] = [];
  #waitingBytes = 0;
  #running = false;
  #mustReload = true;

  constructor(options: ControlQueueOptions) {
    this.#options = options;
  }

  /** Resolves when the draft with this decision is durable and shown. */
  change<T>(decide: (draft: ControlDraft) => T): Promise<T> {
    return new Promise((resolve, reject) => {
      let result: T;
      this.add({
        bytes: plainRequestBytes,
        decide: (draft) => {
          result = decide(draft);
        },
        done: () => resolve(result),
        fail: reject,
      });
    });
  }

  add(request: ControlRequest): void {
    if (this.#waitingBytes > 0 && this.#waitingBytes + request.bytes > waitingBytesMax) {
      const context = { waiting: this.#waiting.length, waitingBytes: this.#waitingBytes };
      request.fail(
        new EngineError('log-unavailable', 'too many changes of the cluster wait to be written', { context }),
      );
      return;
    }
    this.#waiting.push(request);
    this.#waitingBytes += request.bytes;
    if (this.#running) return;
    this.#running = true;
    void this.#run();
  }

  async #run(): Promise<void> {
    // One turn later, so that the requests of one turn share a write.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      try {
        if (this.#mustReload) await this.#options.reload();
        this.#mustReload = false;
      } catch (error) {
        this.#waitingBytes = 0;
        for (const request of this.#waiting.splice(0)) request.fail(error);
        continue;
      }
      await this.#decideSome();
    }
    this.#running = false;
  }

  async #decideSome(): Promise<void> {
    const draft = new ControlDraft(this.#options.base());
    const decided: { readonly request: ControlRequest; readonly steps: readonly ControlStep[] }[] = [];
    while (draft.bytes < writeBytesMax) {
      const request = this.#waiting.shift();
      if (request === undefined) break;
      this.#waitingBytes -= request.bytes;
      const before = draft.steps.length;
      try {
        request.decide(draft);
        decided.push({ request, steps: draft.steps.slice(before) });
      } catch (error) {
        request.fail(error);
      }
    }
    try {
      await this.#write(draft);
    } catch (error) {
      // Also those that change nothing: they were judged against what may never be.
      for (const { request } of decided) request.fail(error);
      return;
    }
    for (const { request, steps } of decided) request.done(steps.flatMap((step) => this.#options.show(step)));
  }

  async #write({ rows }: ControlDraft): Promise<void> {
    if (rows.length === 0) return;
    this.#mustReload = true;
    try {
      await this.#options.domain.write(rows);
      this.#mustReload = false;
    } catch (error) {
      this.#readBackSoon();
      throw error;
    }
  }

  /** For those who only read: they must not wait for the next change to see what became of a write. */
  #readBackSoon(): void {
    const { clock, logger } = this.#options;
    clock.after(readBackAgainMs, () => {
      if (!this.#mustReload) return;
      this.change(() => undefined).catch((error) => {
        const { code, message, retryable } = toEngineError(error);
        logger.debug({ code, error: message }, 'the control state could not be read back yet');
        if (retryable && code !== 'shutting-down') this.#readBackSoon();
      });
    });
  }
}
