// Somebody who changes a metastore that may die at any instant: one topic at a time with two partitions, and objects of its own, so that
// several can work at once and each knows exactly what its part must look like.
//
// One order is under way at a time. What was answered is compared with the oracle's answer at once. An order that the process died on is
// in doubt: the state before it and the one behind it are both allowed, and nothing else, until `settle` has seen which it is.

import { offset, timestampMs, topicId } from '../../src/engine/base/ids.ts';
import { seededRandom } from '../../src/engine/base/random.ts';
import { uuidv4 } from '../../src/engine/base/uuid.ts';
import { domainOfPartition, type TopicPartition } from '../../src/engine/metastore/metastore-key-format.ts';
import { HistoryMaker } from '../engine/metastore/metastore-history.ts';
import { nameOf, SimpleMetastore, type SimplePartition } from '../engine/metastore/simple-metastore.ts';
import { type KilledMetastore, MetastoreKilled, metastoreDomainNames } from './killed-metastore.ts';
import { differences } from './metadata-picture.ts';
import type { MetastoreOrder } from './metastore-orders.ts';
import { type MetastorePicture, pictureOfOracle } from './metastore-picture.ts';

interface Step {
  readonly order: MetastoreOrder;
  /** The same to the oracle; its answer, or its refusal as an exception. */
  readonly twin: () => unknown;
}

type Outcome = { readonly answer: unknown } | { readonly code: string };

/** What became of orders that were never answered. */
export type DoubtEnd = 'happened' | 'did not happen' | 'changes nothing' | 'no doubt';

/** Behind so many extents a topic is removed before long. */
const extentsMax = 150;

/** Of each topic. With two domains these always share one, whatever the topic: 0 and 1 never do, because a CRC is linear. */
const partitionIndexes = [0, 3] as const;
/** A topic is in a given one of two domains every other time. */
const topicTriesMax = 1000;

export class MetastoreLoad {
  acknowledged = 0;
  readonly problems: string[] = [];
  readonly #oracle = new SimpleMetastore();
  readonly #maker: HistoryMaker;
  readonly #domain: number;
  readonly #ids = new Set<string>();
  #topic: TopicPartition['topicId'];
  #doubt: Step | undefined;

  constructor(seed: number, domain: number) {
    this.#maker = new HistoryMaker(seed, this.#oracle);
    this.#domain = domain;
    this.#topic = this.#newTopic();
  }

  /** Whether a line of a picture is of this load: "<kind>/<id>…". */
  owns(key: string): boolean {
    return this.#ids.has(key.split('/')[1] ?? '');
  }

  /** Gives orders until told to stop, or until the process is gone. */
  async run(metastore: KilledMetastore, stopped: () => boolean): Promise<void> {
    while (!stopped() && this.problems.length === 0) {
      const step = this.#next();
      this.#doubt = step;
      let found: Outcome;
      try {
        const { id: _, ...answer } = await metastore.order(step.order);
        found = 'code' in answer ? { code: answer.code } : answer;
      } catch (error) {
        if (!(error instanceof MetastoreKilled)) this.problems.push((error as Error).message);
        return;
      }
      this.#doubt = undefined;
      const expected = this.#judge(step);
      if (JSON.stringify(found) !== JSON.stringify(expected)) {
        const says = `${JSON.stringify(found)}, not ${JSON.stringify(expected)}`;
        this.problems.push(`${JSON.stringify(step.order)} was answered ${says}`);
      }
      this.acknowledged += 1;
    }
  }

  /**
   * Compares the part of the picture that is this load's, ends the doubt, and says how. What cannot be goes to `problems`: lines of what is
   * different from the state that was acknowledged.
   */
  settle(picture: MetastorePicture): DoubtEnd {
    const before = differences(picture, pictureOfOracle(this.#oracle));
    const step = this.#doubt;
    this.#doubt = undefined;
    if (step === undefined) {
      this.problems.push(...before);
      return 'no doubt';
    }
    const undone = this.#oracle.state;
    this.#oracle.state = structuredClone(undone);
    this.#judge(step);
    const after = differences(picture, pictureOfOracle(this.#oracle));
    if (after.length === 0) return before.length === 0 ? 'changes nothing' : 'happened';
    this.#oracle.state = undone;
    if (before.length > 0)
      this.problems.push(`with ${step.order.kind} in doubt: here is the bucket or log,`, ...before);
    return 'did not happen';
  }

  #judge(step: Step): Outcome {
    try {
      return { answer: this.#oracle.attempt(step.twin) ?? null };
    } catch (error) {
      if (!(error instanceof Error) || !('code' in error)) throw error;
      return { code: String(error.code) };
    }
  }

  #next(): Step {
    const { dice } = this.#maker;
    const { objects } = this.#oracle.state;
    const isLarge = this.#partitions().some((one) => one.extents.length > extentsMax);
    const at = dice.below(100);
    if (isLarge && at < 50) return this.#removeTopic();
    if (at < 20) return this.#preregister();
    if (at < 58) return this.#add();
    if (at < 76) return this.#rewrite() ?? this.#add();
    if (at < 86) return this.#setStart();
    if (at < 90) return this.#expire([...objects.keys()].slice(-3));
    if (at < 98) return this.#removeObjects([...objects.keys()]);
    return this.#removeTopic();
  }

  #preregister(): Step {
    const { dice } = this.#maker;
    const seed = dice.below(0xffff_ffff);
    const count = 1 + dice.below(3);
    const random = seededRandom(seed);
    const objectIds = Array.from({ length: count }, () => uuidv4(random));
    for (const id of objectIds) this.#ids.add(id);
    const twin = () => {
      this.#oracle.preregister(objectIds, 0);
      return objectIds;
    };
    return { order: { kind: 'preregister', domain: this.#domain, count, seed }, twin };
  }

  #add(): Step {
    const { dice } = this.#maker;
    const object = this.#maker.newObject(this.#maker.objectId());
    // Now and then an upload of a topic that was removed meanwhile comes to its end.
    const removed = dice.pick([...this.#oracle.state.removedTopics]);
    const topic = dice.chance(4) && removed !== undefined ? topicId(removed) : this.#topic;
    const places = dice.chance(30) ? partitionIndexes : [this.#partitionIndex()];
    const partitions = places.map((partition) =>
      this.#maker.addition({ topicId: topic, partition }, object.objectId, dice.chance(10) ? 10 : 3),
    );
    const request = { objects: [object], partitions };
    return { order: { kind: 'add', request }, twin: () => this.#oracle.add(request, 0) };
  }

  #rewrite(): Step | undefined {
    const { dice } = this.#maker;
    const object = this.#maker.newObject(this.#maker.objectId());
    const one = this.#maker.replacement({ topicId: this.#topic, partition: this.#partitionIndex() }, object.objectId);
    if (one === undefined) return undefined;
    const request = { objects: [object], partitions: [one] };
    if (dice.chance(50)) return { order: { kind: 'replace', request }, twin: () => this.#oracle.replace(request, 0) };
    return { order: { kind: 'compact', request }, twin: () => this.#oracle.compact(request, 0) };
  }

  #setStart(): Step {
    const { dice } = this.#maker;
    const of = { topicId: this.#topic, partition: this.#partitionIndex() };
    const { start = 0, next = 0 } = this.#maker.partition(of) ?? {};
    const startOffset = offset(start + dice.below(Math.min(200, next - start + 2)));
    const twin = () => {
      this.#oracle.setStart(of, startOffset, 0);
      return { startOffset: this.#oracle.state.partitions.get(nameOf(of))?.start, hasMore: false };
    };
    return { order: { kind: 'set-start', request: { ...of, startOffset } }, twin };
  }

  #expire(objectIds: readonly string[]): Step {
    const lastUpdatedAtMost = timestampMs(this.#maker.dice.chance(50) ? Number.MAX_SAFE_INTEGER : 0);
    const request = { objectIds, lastUpdatedAtMost };
    const twin = () => this.#oracle.expire(objectIds, lastUpdatedAtMost === 0 ? -1 : lastUpdatedAtMost, 0);
    return { order: { kind: 'expire', domain: this.#domain, request }, twin };
  }

  #removeObjects(objectIds: readonly string[]): Step {
    const twin = () => this.#oracle.removeObjects(structuredClone([...this.#oracle.state.objects.values()]));
    return { order: { kind: 'remove-objects', domain: this.#domain, objectIds }, twin };
  }

  #removeTopic(): Step {
    const topicIds = [this.#topic];
    this.#topic = this.#newTopic();
    const twin = () => {
      this.#oracle.removeTopics(topicIds, 0);
      return { notRemoved: [] };
    };
    return { order: { kind: 'remove-topics', domain: this.#domain, request: { topicIds } }, twin };
  }

  #partitions(): SimplePartition[] {
    return [...this.#oracle.state.partitions.values()];
  }

  #partitionIndex(): number {
    return partitionIndexes[this.#maker.dice.below(partitionIndexes.length)] as number;
  }

  /** Its partitions are in the domain of this load. */
  #newTopic(): TopicPartition['topicId'] {
    for (let tries = 0; tries < topicTriesMax; tries++) {
      const topic = topicId(this.#maker.dice.id());
      const domains = partitionIndexes.map((partition) =>
        domainOfPartition({ topicId: topic, partition }, metastoreDomainNames.length),
      );
      if (domains.some((domain) => domain !== this.#domain)) continue;
      this.#ids.add(topic);
      return topic;
    }
    throw new Error(`no topic has all its partitions in domain ${this.#domain}`);
  }
}
