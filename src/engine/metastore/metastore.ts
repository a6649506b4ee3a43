// The metastore: which L1 extents hold a partition's offsets, where its terms begin, what compaction has done, which producers it
// has, and how much of every L1 object is in use. It knows nothing of records, and deletes no object.
//
// Partitions are spread over domains by a hash that is part of the format. An object belongs to one domain, with all its extents; a
// request that reaches into two is refused (`usage`), so callers split by `domainOf`. What is answered is durable in the domain's log;
// it is in the bucket after the domain's next flush. The rules of every change: docs/formats/metastore.md.
//
// Refusals: `usage` (the request is wrong in itself), `entry-too-large` (split it), `object-not-preregistered`, `metastore-conflict`
// (what is there does not fit: look again), `unknown-topic-id` (removed), `unknown-topic-or-partition`, `log-unavailable` (try again),
// and what the domain's write rejects with.

import type { Clock } from '../base/clock.ts';
import { timestampMs } from '../base/ids.ts';
import type { Random } from '../base/random.ts';
import { uuidv4 } from '../base/uuid.ts';
import type { Domain, DomainReads } from '../domain/domain.ts';
import { addObjects } from './add-objects.ts';
import { splitAddition } from './addition-split-policy.ts';
import type { ObjectId, TopicPartition } from './metastore-key-format.ts';
import { MetastoreQueries } from './metastore-queries.ts';
import type {
  AddObjectsAnswer,
  AddObjectsRequest,
  CompactObjectsRequest,
  ExpirePreregistrationsRequest,
  NewObject,
  PartitionTiles,
  RemoveObjectsRequest,
  RemoveTopicsAnswer,
  RemoveTopicsRequest,
  ReplaceObjectsRequest,
  SetStartOffsetAnswer,
  SetStartOffsetRequest,
  Update,
} from './metastore-requests.ts';
import { expirePreregistrations, preregisterObjects, removeObjects } from './object-lifecycle.ts';
import { removeTopics } from './remove-topics.ts';
import { compactObjects, replaceObjects } from './replace-objects.ts';
import { checkPartition, refuse } from './request-policy.ts';
import { setStartOffset } from './start-offset.ts';
import { defaultQueueLimits, UpdateQueue, type UpdateQueueLimits } from './update-queue.ts';

export { MetastoreQueries } from './metastore-queries.ts';
export type { AddObjectsAnswer, AddObjectsRequest, PartitionAddition } from './metastore-requests.ts';
export { unknownObjects, validateObjects } from './object-validator.ts';
export { type PartitionCheckPosition, validatePartition } from './partition-validator.ts';
export type { Anomaly, AnomalyName } from './validation.ts';

export interface MetastoreOptions {
  /** metastore/0 … n−1, all of the cluster, by index. They stay open when the metastore is closed. */
  readonly domains: readonly Domain[];
  readonly clock: Clock;
  readonly random: Random;
  /** Per domain; `defaultQueueLimits` where not given. */
  readonly queueLimits?: UpdateQueueLimits;
}

/** About what one row of a request holds in memory. */
const requestRowBytes = 250;

export function openMetastore(options: MetastoreOptions): Metastore {
  return new Metastore(options);
}

/**
 * Questions are answered from what is committed. Those that read many rows take their turn between the commits of the domain, so that
 * no change comes in between: an offset for retention that mixes two states would remove what should stay.
 */
export class Metastore extends MetastoreQueries implements AsyncDisposable {
  readonly #queues: readonly UpdateQueue[];
  readonly #clock: Clock;
  readonly #random: Random;

  constructor({ domains, clock, random, queueLimits = defaultQueueLimits }: MetastoreOptions) {
    super(domains);
    this.#queues = domains.map((domain) => new UpdateQueue(domain, queueLimits));
    this.#clock = clock;
    this.#random = random;
  }

  /** Fresh ids of objects that may be uploaded and added to this domain; those that are not added expire. */
  async preregister(domain: number, count: number): Promise<ObjectId[]> {
    if (!Number.isSafeInteger(count) || count < 1) throw refuse(`${count} objects to preregister`);
    const objectIds = Array.from({ length: count }, () => uuidv4(this.#random));
    await this.#run(domain, count, (reads) => preregisterObjects(reads, { objectIds }, this.#now()));
    return objectIds;
  }

  /**
   * What no entry of the log can hold is added in several commits, each whole partitions: when one fails, those before it have
   * happened, and asking again answers with corrections for them.
   */
  async addObjects(request: AddObjectsRequest): Promise<AddObjectsAnswer> {
    this.#homeOf(request.partitions);
    const answers: AddObjectsAnswer[] = [];
    for (const part of splitAddition(request)) {
      const producers = part.partitions.reduce((sum, one) => sum + one.producers.length, 0);
      answers.push(await this.#change(part, producers, (reads) => addObjects(reads, part, this.#now())));
    }
    return {
      corrections: answers.flatMap(({ corrections }) => corrections),
      removedTopics: [...new Set(answers.flatMap(({ removedTopics }) => removedTopics))],
    };
  }

  replaceObjects(request: ReplaceObjectsRequest): Promise<void> {
    return this.#change(request, 0, (reads) => replaceObjects(reads, request, this.#now()));
  }

  compactObjects(request: CompactObjectsRequest): Promise<void> {
    return this.#change(request, 0, (reads) => compactObjects(reads, request, this.#now()));
  }

  /** One step; ask again while `hasMore`. */
  async setStartOffset(request: SetStartOffsetRequest): Promise<SetStartOffsetAnswer> {
    checkPartition(request);
    return this.#run(this.domainOf(request), 1, (reads) => setStartOffset(reads, request, this.#now()));
  }

  /** One step in one domain; ask every domain, and again while topics are not removed. */
  removeTopics(domain: number, request: RemoveTopicsRequest): Promise<RemoveTopicsAnswer> {
    return this.#run(domain, request.topicIds.length, (reads) => removeTopics(reads, request, this.#now()));
  }

  expirePreregistrations(domain: number, request: ExpirePreregistrationsRequest): Promise<ObjectId[]> {
    const count = request.objectIds.length;
    return this.#run(domain, count, (reads) => expirePreregistrations(reads, request, this.#now()));
  }

  /** After the collector has deleted them. */
  removeObjects(domain: number, request: RemoveObjectsRequest): Promise<ObjectId[]> {
    return this.#run(domain, request.flushedRows.length, (reads) => removeObjects(reads, request));
  }

  /** Lets the changes that wait finish; everything later is refused. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#queues.map((queue) => queue[Symbol.asyncDispose]()));
  }

  protected override async consistently<Answer>(
    of: TopicPartition,
    ask: (reads: DomainReads) => Promise<Answer>,
  ): Promise<Answer> {
    return this.#run(this.domainOf(of), 1, async (reads) => ({ changes: [], answer: await ask(reads) }));
  }

  async #change<Answer>(
    request: { readonly objects: readonly NewObject[]; readonly partitions: readonly PartitionTiles[] },
    moreRows: number,
    evaluate: (reads: DomainReads) => Promise<Update<Answer>>,
  ): Promise<Answer> {
    let rows = moreRows + request.objects.length;
    for (const one of request.partitions) rows += 1 + one.extents.length + one.emptyRanges.length;
    return this.#run(this.#homeOf(request.partitions), rows, evaluate);
  }

  /** The one domain of all partitions of a request. */
  #homeOf(partitions: readonly TopicPartition[]): number {
    const domains = new Set<number>();
    for (const one of partitions) {
      checkPartition(one);
      domains.add(this.domainOf(one));
    }
    const [domain] = domains;
    if (domain === undefined) throw refuse('a request without partitions');
    if (domains.size > 1) throw refuse(`partitions of ${domains.size} domains in one request: make one for each`);
    return domain;
  }

  async #run<Answer>(
    domain: number,
    rows: number,
    evaluate: (reads: DomainReads) => Promise<Update<Answer>>,
  ): Promise<Answer> {
    const queue = this.#queues[domain];
    if (queue === undefined) throw refuse(`there is no domain metastore/${domain}`);
    return queue.run(rows * requestRowBytes, evaluate);
  }

  #now() {
    return timestampMs(this.#clock.nowMs());
  }
}
