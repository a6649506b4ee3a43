// The group coordinator's settings as the broker's configuration has them now.

import type { BrokerConfig } from './cluster/broker-config.ts';
import { defaultGroupConfig, type GroupConfig } from './coordinator/coordinator.ts';

export function groupConfigFrom(config: BrokerConfig): GroupConfig {
  return {
    ...defaultGroupConfig,
    initialRebalanceDelayMs: config.number('group.initial.rebalance.delay.ms'),
    sessionTimeoutMsMin: config.number('group.min.session.timeout.ms'),
    sessionTimeoutMsMax: config.number('group.max.session.timeout.ms'),
    groupSizeMax: config.number('group.max.size'),
    offsetMetadataLengthMax: config.number('offset.metadata.max.bytes'),
    offsetsRetentionMs: config.number('offsets.retention.minutes') * 60_000,
    offsetsRetentionCheckIntervalMs: config.number('offsets.retention.check.interval.ms'),
  };
}
