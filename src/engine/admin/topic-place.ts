// Where a topic is: its row in control, found by name or id, and the metastore domains that its partitions are hashed to.

import { EngineError } from '../base/errors.ts';
import type { TopicId } from '../base/ids.ts';
import { controlDomain, findTopicById, findTopicByName, readDomainCounts } from '../bucket-view/bucket-view.ts';
import { domainOfPartition, isUuid, type TopicPartition } from '../metastore/metastore-key-format.ts';
import type { MetadataSource, PicturedDomain, PictureMoment } from './metadata-source.ts';

export class TopicPlace {
  readonly topic: string;
  readonly topicId: TopicId;
  readonly partitionCount: number;
  readonly #source: MetadataSource;
  readonly #domains: number;
  readonly #control: PictureMoment;
  readonly #opened = new Map<string, Promise<PicturedDomain | undefined>>();

  private constructor(
    source: MetadataSource,
    control: PictureMoment,
    topic: { readonly name: string; readonly id: TopicId; readonly creationEpochs: readonly unknown[] },
    domains: number,
  ) {
    this.topic = topic.name;
    this.topicId = topic.id;
    this.partitionCount = topic.creationEpochs.length;
    this.#source = source;
    this.#control = control;
    this.#domains = domains;
  }

  /** Throws `unknown-topic-or-partition`; also for a partition, where one is meant, that the topic does not have. */
  static async find(source: MetadataSource, nameOrId: string, partition: number | undefined): Promise<TopicPlace> {
    const control = await source.domain(controlDomain);
    if (control === undefined) {
      throw unknown(`topic ${nameOrId}`, 'the control domain was never flushed to the bucket');
    }
    const topic = isUuid(nameOrId)
      ? await findTopicById(control.reads, nameOrId as TopicId)
      : await findTopicByName(control.reads, nameOrId);
    if (topic === undefined) {
      throw unknown(`topic ${nameOrId}`, `control has none of this name or id as of ${control.moment.time}`);
    }
    const partitionCount = topic.creationEpochs.length;
    if (partition !== undefined && partition >= partitionCount) {
      throw unknown(`partition ${nameOrId}/${partition}`, `the topic has ${partitionCount} partitions`);
    }
    const counts = await readDomainCounts(control.reads);
    if (counts === undefined) {
      throw new EngineError('domain-not-found', 'the cluster has no metastore domains: control does not say how many', {
        hint: 'start its broker once with this version',
      });
    }
    return new TopicPlace(source, control.moment, topic, counts.metastore);
  }

  domainName(partition: number): string {
    return `metastore/${domainOfPartition(this.at(partition), this.#domains)}`;
  }

  at(partition: number): TopicPartition {
    return { topicId: this.topicId, partition };
  }

  /** Undefined: the bucket has nothing of it yet. Opened once. */
  domain(name: string): Promise<PicturedDomain | undefined> {
    const known = this.#opened.get(name) ?? this.#source.domain(name);
    this.#opened.set(name, known);
    return known;
  }

  /** Of what was opened. */
  async picture(): Promise<{ readonly moments: readonly PictureMoment[]; readonly unflushed: readonly string[] }> {
    const moments = [this.#control];
    const unflushed: string[] = [];
    for (const name of [...this.#opened.keys()].sort()) {
      const domain = await this.domain(name);
      if (domain === undefined) unflushed.push(name);
      else moments.push(domain.moment);
    }
    return { moments, unflushed };
  }
}

function unknown(what: string, why: string): EngineError {
  return new EngineError('unknown-topic-or-partition', `no ${what}: ${why}`, {
    hint: 'cloudtopics metastore scan --domain control --prefix topic/',
  });
}
