// The front door of what a cluster knows about itself: its topics and their settings, and the broker's own. What owns the
// bucket (ownership, cluster epochs) is no business of the rooms above: the composition root alone puts it in place.

export { BrokerConfig, type BrokerConfigSource, brokerConfigDefinitions } from './broker-config.ts';
export { findCluster, readOwner } from './cluster-directory.ts';
export { type ConfigDefinition, type ConfigType, listElements } from './config-definition.ts';
export type { ControlState, NewTopic, Topic } from './control-state.ts';
export { topicConfigDefinitions, topicConfigValue } from './topic-config.ts';
