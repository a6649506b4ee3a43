// Runs the updates of one domain one after the other, and commits many of them at once.
//
// - an update is evaluated against the domain with the changes of those before it laid over it
// - all changes of a group are one write of the domain: it happens as a whole or not at all, so no update can be committed on top of
//   one that was not. When the write fails, every update of the group fails with it, refusals included: what they saw never was
// - the next group reads the domain again. After an unknown outcome the domain has read back by then, or says that it could not
// - the queue is bounded in requests and bytes; beyond, requests are refused (`log-unavailable`, which may be tried again)

import { EngineError, toEngineError } from '../base/errors.ts';
import type { Domain, DomainReads } from '../domain/domain.ts';
import { type Update, updateBytesMax } from './metastore-requests.ts';
import { RowDraft } from './row-draft.ts';

export interface UpdateQueueLimits {
  readonly requestsMax: number;
  readonly bytesMax: number;
}

export const defaultQueueLimits: UpdateQueueLimits = { requestsMax: 4096, bytesMax: 32 * 1024 * 1024 };

/** Bounds how long the first of a group waits for those behind it. */
const groupRequestsMax = 1000;

interface Waiting {
  readonly evaluate: (reads: DomainReads) => Promise<Update<unknown>>;
  readonly bytes: number;
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: EngineError) => void;
}

type Verdict = () => void;

export class UpdateQueue implements AsyncDisposable {
  readonly #domain: Domain;
  readonly #limits: UpdateQueueLimits;
  #queue: Waiting[] = [];
  #queuedBytes = 0;
  #running: Promise<void> | undefined;
  #isClosed = false;

  constructor(domain: Domain, limits: UpdateQueueLimits) {
    this.#domain = domain;
    this.#limits = limits;
  }

  /** `bytes` is about what the request holds in memory. Resolves when its changes are durable. */
  run<Answer>(bytes: number, evaluate: (reads: DomainReads) => Promise<Update<Answer>>): Promise<Answer> {
    if (this.#isClosed) throw new EngineError('shutting-down', `the metastore on ${this.#domain.name} is closed`);
    const { requestsMax, bytesMax } = this.#limits;
    const isFull = this.#queue.length >= requestsMax || this.#queuedBytes + bytes > bytesMax;
    // A request larger than the bound may wait alone: its own rules decide whether it is too large.
    if (isFull && this.#queue.length > 0) {
      throw new EngineError('log-unavailable', `too many changes of ${this.#domain.name} wait for the log`, {
        context: { domain: this.#domain.name, queued: this.#queue.length, queuedBytes: this.#queuedBytes },
      });
    }
    return new Promise<Answer>((resolve, reject) => {
      this.#queue.push({ evaluate, bytes, resolve: resolve as (answer: unknown) => void, reject });
      this.#queuedBytes += bytes;
      this.#running ??= this.#work();
    });
  }

  /** Lets what waits finish; everything later is refused. The domain stays open. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    await this.#running;
  }

  async #work(): Promise<void> {
    // Requests made in the same turn share a commit.
    await Promise.resolve();
    while (this.#queue.length > 0) await this.#commitGroup();
    this.#running = undefined;
  }

  async #commitGroup(): Promise<void> {
    const draft = new RowDraft(this.#domain);
    const verdicts: Verdict[] = [];
    const group: Waiting[] = [];
    while (group.length < groupRequestsMax) {
      const next = this.#queue[0];
      if (next === undefined) break;
      let verdict: Verdict;
      try {
        const { changes, answer } = await next.evaluate(draft);
        const bytes = changesBytes(changes);
        // It is evaluated again as the first of the next group.
        if (!draft.isEmpty && draft.bytes + bytes > updateBytesMax) break;
        draft.take(changes);
        verdict = () => next.resolve(answer);
      } catch (error) {
        verdict = () => next.reject(toEngineError(error));
      }
      this.#queue.shift();
      this.#queuedBytes -= next.bytes;
      // What saw nothing that is not durable need not wait.
      if (draft.isEmpty) verdict();
      else {
        group.push(next);
        verdicts.push(verdict);
      }
    }
    if (draft.isEmpty) return;
    try {
      await this.#domain.write(draft.changes());
    } catch (error) {
      for (const one of group) one.reject(toEngineError(error));
      return;
    }
    for (const verdict of verdicts) verdict();
  }
}

function changesBytes(changes: Update<unknown>['changes']): number {
  return changes.reduce((sum, { key, value }) => sum + RowDraft.bytesOf(key, value), 0);
}
