// What a partition knows of its idempotent producers: epoch and the last five batches of each, committed and staged.
//
// - a batch is judged against the staged state: committed batches plus those on their way
// - a duplicate of a committed batch is answered with its offset; a duplicate of a staged one with the staged one's outcome
// - when staged batches fail, the staged state is built again from the ones that remain
// - bounded: producers unused for `expirationMs` are forgotten, and the longest unused beyond `producersMax`
// A producer that is not known may start at any sequence, as with Kafka: its state may have expired. Unless its very first
// batches have just failed: then those behind them, which are still coming in, must not be taken for a start, and it is awaited
// at the sequence that failed.

import type { ByteReader } from '../base/byte-reader.ts';
import type { ByteWriter } from '../base/byte-writer.ts';
import { EngineError } from '../base/errors.ts';

const windowBatches = 5;
const sequenceModulus = 0x8000_0000;

/** The producer fields of a batch. `producerId` −1 means a producer without idempotence. */
export interface ProducerFacts {
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly baseSequence: number;
  readonly baseOffset: number;
  readonly lastOffset: number;
}

/** Where a producer without a committed batch must go on, because what it had staged has failed. */
export type AwaitedProducers = ReadonlyMap<number, { readonly epoch: number; readonly sequence: number }>;

interface WindowBatch {
  readonly firstSequence: number;
  readonly lastSequence: number;
  readonly baseOffset: number;
}

interface ProducerState {
  epoch: number;
  readonly window: WindowBatch[];
  usedAtMs: number;
}

export interface ProducerRules {
  readonly expirationMs: number;
  readonly producersMax: number;
}

export type ProducerVerdict<Staged> =
  | { readonly kind: 'new' }
  | { readonly kind: 'committed-duplicate'; readonly baseOffset: number }
  | { readonly kind: 'staged-duplicate'; readonly batch: Staged };

const lastSequenceOf = (facts: ProducerFacts): number =>
  (facts.baseSequence + (facts.lastOffset - facts.baseOffset)) % sequenceModulus;

export class ProducerTable<Staged extends ProducerFacts> {
  readonly #rules: () => ProducerRules;
  /** Least recently used first. */
  readonly #committed = new Map<number, ProducerState>();
  /** Staged batches per producer, in order. */
  readonly #staged = new Map<number, Staged[]>();
  readonly #awaited: Map<number, { readonly epoch: number; readonly sequence: number }>;

  /** `awaited` is what the same partition's last leader in this process knew of failed starts. */
  constructor(rules: () => ProducerRules, awaited: AwaitedProducers = new Map()) {
    this.#rules = rules;
    this.#awaited = new Map(awaited);
  }

  get awaited(): AwaitedProducers {
    return this.#awaited;
  }

  /** Whether a producer has committed something that is remembered. */
  knows(producerId: number): boolean {
    return this.#committed.has(producerId);
  }

  /** Known producers. */
  get size(): number {
    return this.#committed.size;
  }

  /** Judges a batch by its producer, epoch and sequence; `count` records. Throws what the producer is answered with. */
  check(facts: {
    producerId: number;
    producerEpoch: number;
    baseSequence: number;
    count: number;
  }): ProducerVerdict<Staged> {
    if (facts.producerId < 0) return { kind: 'new' };
    const staged = this.#staged.get(facts.producerId);
    const committed = this.#committed.get(facts.producerId);
    const newest = staged?.at(-1);
    const awaited = committed === undefined && newest === undefined ? this.#awaited.get(facts.producerId) : undefined;
    const epoch = newest?.producerEpoch ?? committed?.epoch ?? awaited?.epoch;
    if (epoch === undefined) return { kind: 'new' };
    if (facts.producerEpoch < epoch) {
      throw new EngineError(
        'invalid-producer-epoch',
        `producer ${facts.producerId} has epoch ${facts.producerEpoch}, ${epoch} was seen`,
      );
    }
    if (facts.producerEpoch > epoch) {
      if (facts.baseSequence === 0) return { kind: 'new' };
      throw new EngineError(
        'out-of-order-sequence',
        `producer ${facts.producerId} begins epoch ${facts.producerEpoch} at sequence ${facts.baseSequence}, not 0`,
      );
    }
    const lastSequence = (facts.baseSequence + facts.count - 1) % sequenceModulus;
    const duplicate = findStaged(staged, facts, lastSequence) ?? findCommitted(committed, facts, lastSequence);
    if (duplicate !== undefined) return duplicate;
    const last = newest === undefined ? committed?.window.at(-1)?.lastSequence : lastSequenceOf(newest);
    const expected = last === undefined ? awaited?.sequence : (last + 1) % sequenceModulus;
    if (expected !== undefined && facts.baseSequence !== expected) {
      throw new EngineError(
        'out-of-order-sequence',
        `producer ${facts.producerId} sent sequence ${facts.baseSequence}, ${expected} was expected`,
      );
    }
    return { kind: 'new' };
  }

  stage(batch: Staged): void {
    if (batch.producerId < 0) return;
    const staged = this.#staged.get(batch.producerId);
    if (staged === undefined) this.#staged.set(batch.producerId, [batch]);
    else staged.push(batch);
  }

  /** Staged batches have failed: only `remaining` are still on their way. Both are in staged order. */
  fail(failed: Iterable<Staged>, remaining: Iterable<Staged>): void {
    this.#staged.clear();
    for (const batch of remaining) this.stage(batch);
    for (const { producerId, producerEpoch, baseSequence } of failed) {
      const known = this.#committed.has(producerId) || this.#staged.has(producerId);
      if (producerId < 0 || known || this.#awaited.get(producerId)?.epoch === producerEpoch) continue;
      this.#awaited.set(producerId, { epoch: producerEpoch, sequence: baseSequence });
    }
    for (const oldest of this.#awaited.keys()) {
      if (this.#awaited.size <= this.#rules().producersMax) break;
      this.#awaited.delete(oldest);
    }
  }

  /** A staged batch was committed; commits come in staged order. */
  committed(batch: Staged, atMs: number): void {
    if (batch.producerId < 0) return;
    const staged = this.#staged.get(batch.producerId);
    if (staged !== undefined) {
      staged.shift();
      if (staged.length === 0) this.#staged.delete(batch.producerId);
    }
    this.apply(batch, atMs);
  }

  /** The effect of a committed batch, also when the log is replayed. */
  apply(facts: ProducerFacts, atMs: number): void {
    if (facts.producerId < 0) return;
    let state = this.#committed.get(facts.producerId);
    if (state === undefined || state.epoch !== facts.producerEpoch) {
      state = { epoch: facts.producerEpoch, window: [], usedAtMs: atMs };
    }
    state.usedAtMs = atMs;
    state.window.push({
      firstSequence: facts.baseSequence,
      lastSequence: lastSequenceOf(facts),
      baseOffset: facts.baseOffset,
    });
    if (state.window.length > windowBatches) state.window.shift();
    this.#awaited.delete(facts.producerId);
    this.#committed.delete(facts.producerId);
    this.#committed.set(facts.producerId, state);
    this.#forget(atMs);
  }

  #forget(nowMs: number): void {
    const { expirationMs, producersMax } = this.#rules();
    for (const [id, state] of this.#committed) {
      if (this.#committed.size <= producersMax && nowMs - state.usedAtMs <= expirationMs) return;
      this.#committed.delete(id);
    }
  }

  /** producerCount u32, then per producer: id i64, epoch i16, usedAtMs i64, batches u8 × (first i32, last i32, offset i64). */
  encode(writer: ByteWriter): void {
    writer.u32(this.#committed.size);
    for (const [id, state] of this.#committed) {
      writer.i64(id).i16(state.epoch).i64(state.usedAtMs).u8(state.window.length);
      for (const batch of state.window) writer.i32(batch.firstSequence).i32(batch.lastSequence).i64(batch.baseOffset);
    }
  }

  decode(reader: ByteReader): void {
    const count = reader.u32();
    reader.need(count * 19);
    for (let at = 0; at < count; at++) {
      const id = reader.i64();
      const epoch = reader.i16();
      const usedAtMs = reader.i64();
      const window = Array.from({ length: reader.u8() }, () => ({
        firstSequence: reader.i32(),
        lastSequence: reader.i32(),
        baseOffset: reader.i64(),
      }));
      this.#committed.set(id, { epoch, window, usedAtMs });
    }
  }
}

function findStaged<Staged extends ProducerFacts>(
  staged: readonly Staged[] | undefined,
  facts: { producerEpoch: number; baseSequence: number },
  lastSequence: number,
): ProducerVerdict<Staged> | undefined {
  const batch = staged?.find(
    (one) =>
      one.producerEpoch === facts.producerEpoch &&
      one.baseSequence === facts.baseSequence &&
      lastSequenceOf(one) === lastSequence,
  );
  return batch === undefined ? undefined : { kind: 'staged-duplicate', batch };
}

function findCommitted(
  state: ProducerState | undefined,
  facts: { producerEpoch: number; baseSequence: number },
  lastSequence: number,
): { readonly kind: 'committed-duplicate'; readonly baseOffset: number } | undefined {
  // A window of another epoch says nothing: sequences begin again with each.
  if (state?.epoch !== facts.producerEpoch) return undefined;
  const batch = state.window.find(
    (one) => one.firstSequence === facts.baseSequence && one.lastSequence === lastSequence,
  );
  return batch === undefined ? undefined : { kind: 'committed-duplicate', baseOffset: batch.baseOffset };
}
