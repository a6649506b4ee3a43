// Trims the logs of partitions once what they hold is reconciled and the metastore has it in the bucket.

import type { LedPartition } from '../partition/partition.ts';
import type { FlushLedger } from './flush-ledger.ts';

export interface TrimmingOptions {
  readonly ledger: FlushLedger;
  readonly domainOf: (leader: LedPartition) => number;
  readonly step: (name: string) => Promise<void> | void;
  readonly onTrim: () => void;
}

const parallel = 16;

/** Looks at every partition, and trims those where entries can go. */
export async function trimLogs(leaders: Iterable<LedPartition>, options: TrimmingOptions): Promise<void> {
  const { ledger, domainOf, step, onTrim } = options;
  const left = [...leaders].filter((leader) => leader.reconciledEnd > 0 && leader.logEntries > 0);
  const work = async () => {
    for (let leader = left.pop(); leader !== undefined; leader = left.pop()) {
      const flushed = ledger.flushedEnd(leader, domainOf(leader));
      if (flushed === 0 || !(await leader.trimLog(flushed))) continue;
      onTrim();
      await step('reconcile.trimmed');
    }
  };
  await Promise.all(Array.from({ length: parallel }, work));
}
