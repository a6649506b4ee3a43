// Every question about partitions, routed to the domain that holds the answer. It needs nothing but reads: a broker asks its live
// domains, a tool asks the views of a bucket.
//
// Questions that read several rows of extents must see one state of them: a live metastore overrides `consistently` for that; a view
// of a bucket never changes. A partition that is not known, or nothing found: undefined. A row that does not decode: `corrupt-object` with its key.

import { EngineError } from '../base/errors.ts';
import type { Offset, Term } from '../base/ids.ts';
import type { DomainReads } from '../domain/domain.ts';
import * as extents from './extent-queries.ts';
import type { TermStart } from './extent-row-format.ts';
import * as lists from './listing-queries.ts';
import * as maintenance from './maintenance-queries.ts';
import { domainOfPartition, type ObjectId, type TopicPartition } from './metastore-key-format.ts';
import type { ObjectRow } from './object-row-format.ts';
import type { PartitionRow } from './partition-row-format.ts';
import type { ProducerSnapshot } from './producer-row-format.ts';
import { readObject, readPartition } from './row-reads.ts';

export class MetastoreQueries {
  readonly #domains: readonly DomainReads[];

  /** All metastore domains of the cluster, by index. */
  constructor(domains: readonly DomainReads[]) {
    if (domains.length === 0) throw new EngineError('bug', 'a metastore without domains');
    this.#domains = domains;
  }

  domainOf(of: TopicPartition): number {
    return domainOfPartition(of, this.#domains.length);
  }

  /** Start and next offset, size, extent count, compaction epoch, and the stamp that salvage goes on from. */
  partition(of: TopicPartition): Promise<PartitionRow | undefined> {
    return readPartition(this.#reads(of), of);
  }

  /** The extent that holds the offset, or else the first behind it. */
  firstExtentAtOrAbove(of: TopicPartition, from: Offset): Promise<extents.LocatedExtent | undefined> {
    return extents.firstExtentAtOrAbove(this.#reads(of), of, from);
  }

  /** The first extent from an offset on with a record at or above the timestamp. */
  firstExtentAtTimestamp(
    of: TopicPartition,
    from: Offset,
    timestamp: number,
  ): Promise<extents.LocatedExtent | undefined> {
    return this.consistently(of, (reads) => extents.firstExtentAtTimestamp(reads, of, from, timestamp));
  }

  /** Of the extents that begin at or above an offset, the first with the greatest timestamp. */
  extentOfMaxTimestamp(of: TopicPartition, from: Offset): Promise<extents.LocatedExtent | undefined> {
    return this.consistently(of, (reads) => extents.extentOfMaxTimestamp(reads, of, from));
  }

  /** The highest offset such that the extents from it on have at least so many bytes; undefined when all have less. */
  offsetOfSuffix(of: TopicPartition, bytes: number): Promise<Offset | undefined> {
    return this.consistently(of, (reads) => extents.offsetOfSuffix(reads, of, bytes));
  }

  termForOffset(of: TopicPartition, at: Offset): Promise<Term | undefined> {
    return extents.termForOffset(this.#reads(of), of, at);
  }

  endOffsetOfTerm(of: TopicPartition, term: Term): Promise<Offset | undefined> {
    return extents.endOffsetOfTerm(this.#reads(of), of, term);
  }

  pageOfExtents(of: TopicPartition, options: extents.ExtentPageOptions): Promise<extents.ExtentPage> {
    return this.consistently(of, (reads) => extents.pageOfExtents(reads, of, options));
  }

  /** `cleanedAtMost`: tombstones that are clean since then may go. */
  compactionInfo(of: TopicPartition, cleanedAtMost: number): Promise<maintenance.CompactionInfo | undefined> {
    return this.consistently(of, (reads) => maintenance.compactionInfo(reads, of, cleanedAtMost));
  }

  levelingInfo(
    of: TopicPartition,
    options: maintenance.LevelingOptions,
  ): Promise<maintenance.LevelingInfo | undefined> {
    return this.consistently(of, (reads) => maintenance.levelingInfo(reads, of, options));
  }

  terms(of: TopicPartition): Promise<TermStart[]> {
    return lists.listTerms(this.#reads(of), of);
  }

  /** As of the next offset. */
  producers(
    of: TopicPartition,
    options: { readonly after?: number; readonly limit: number },
  ): Promise<ProducerSnapshot[]> {
    return lists.listProducers(this.#reads(of), of, options);
  }

  /** One of them, as of the next offset. */
  producer(of: TopicPartition, producerId: number): Promise<ProducerSnapshot | undefined> {
    return lists.readProducer(this.#reads(of), of, producerId);
  }

  /** Over all domains, by topic id and partition. */
  async partitions(options: lists.PartitionListOptions): Promise<PartitionRow[]> {
    const pages = await Promise.all(this.#domains.map((domain) => lists.listPartitions(domain, options)));
    const sorted = pages.flat().sort((a, b) => compareText(a.topicId, b.topicId) || a.partition - b.partition);
    return sorted.slice(0, options.limit);
  }

  /** Of one domain. */
  objects(domain: number, options: { readonly after?: ObjectId; readonly limit: number }): Promise<ObjectRow[]> {
    return lists.listObjects(this.#domain(domain), options);
  }

  object(domain: number, id: ObjectId): Promise<ObjectRow | undefined> {
    return readObject(this.#domain(domain), id);
  }

  /** Runs a question that must not see a change half way through. */
  protected consistently<Answer>(of: TopicPartition, ask: (reads: DomainReads) => Promise<Answer>): Promise<Answer> {
    return ask(this.#reads(of));
  }

  #reads(of: TopicPartition): DomainReads {
    return this.#domain(this.domainOf(of));
  }

  #domain(index: number): DomainReads {
    const domain = this.#domains[index];
    if (domain === undefined) {
      throw new EngineError('usage', `there is no domain metastore/${index}`, {
        context: { domain: index, domains: this.#domains.length },
      });
    }
    return domain;
  }
}

function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
