// What DescribeConfigs and the two AlterConfigs are about: a topic, or the broker.

import { EngineError } from '../base/errors.ts';
import type { Topic } from '../cluster/cluster.ts';
import type { BrokerServices } from './handler.ts';

export interface ResourceName {
  readonly resourceType: number;
  readonly resourceName: string;
}

export type ConfigResource = { readonly kind: 'topic'; readonly topic: Topic } | { readonly kind: 'broker' };

const topicType = 2;
const brokerType = 4;

/** The empty broker name means all brokers: here the same one. */
export function configResource(named: ResourceName, broker: BrokerServices): ConfigResource | EngineError {
  const { resourceType, resourceName } = named;
  if (resourceType === topicType) {
    const topic = broker.control.byName(resourceName);
    if (topic !== undefined) return { kind: 'topic', topic };
    return new EngineError('unknown-topic-or-partition', `Topic '${resourceName.slice(0, 249)}' does not exist.`);
  }
  if (resourceType === brokerType) {
    if (resourceName === '' || resourceName === String(broker.nodeId)) return { kind: 'broker' };
    return new EngineError(
      'invalid-request',
      `Unexpected broker id, expected ${broker.nodeId}, but received ${resourceName.slice(0, 100)}`,
    );
  }
  return new EngineError('invalid-request', `Configurations of resource type ${resourceType} are not supported.`);
}
