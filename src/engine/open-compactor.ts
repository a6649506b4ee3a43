// Puts compaction, leveling and retention together from the broker's parts and settings.

import type { ControlState } from './cluster/control-state.ts';
import { resolveTopicConfig } from './cluster/topic-config.ts';
import { Compactor } from './compactor/compactor.ts';
import type { Metastore } from './metastore/metastore.ts';
import type { DomainServices } from './open-domains.ts';
import type { OpenHistory } from './open-history.ts';
import type { Partitions } from './partition/partitions.ts';

export interface CompactorParts extends DomainServices {
  readonly control: ControlState;
  readonly partitions: Partitions;
  readonly metastore: Metastore;
  readonly history: OpenHistory;
  readonly step: ((name: string) => Promise<void> | void) | undefined;
}

export function openCompactor(parts: CompactorParts): Compactor {
  const { control, partitions, metastore, history, store, ownership, config, clock, logger } = parts;
  return new Compactor({
    partitions: () => partitions.all(),
    partition: (topicId, index) => partitions.get(topicId, index),
    rules: (topicId) => {
      const topic = control.byId(topicId);
      return topic === undefined ? undefined : resolveTopicConfig(topic.configs, config);
    },
    metastore,
    reader: history.reader,
    store,
    clusterId: ownership.clusterId,
    settings: {
      compactionEnabled: () => config.flag('cloudtopics.compaction.enable'),
      levelingEnabled: () => config.flag('cloudtopics.leveling.enable'),
      compactionIntervalMs: () => config.number('cloudtopics.compaction.interval.ms'),
      levelingIntervalMs: () => config.number('cloudtopics.leveling.interval.ms'),
      retentionIntervalMs: () => config.number('log.retention.check.interval.ms'),
      objectBytes: () => config.number('cloudtopics.compaction.object.bytes'),
      keysBytes: () => config.number('cloudtopics.memory.compaction.keys.bytes'),
      levelingExtentBytes: () => config.number('cloudtopics.leveling.extent.bytes'),
      levelingRangeBytes: () => config.number('cloudtopics.leveling.range.bytes'),
      partBytes: () => config.number('cloudtopics.upload.part.bytes'),
      indexBytes: () => config.number('cloudtopics.l1.index.bytes'),
    },
    clock,
    logger,
    pace: (bytes, signal) => history.pace(bytes, signal),
    pause: () => new Promise((resolve) => setImmediate(resolve)),
    step: parts.step ?? (() => {}),
  });
}
