// The front door of the operator's verbs: what the commands call. Plain values in and out; no flags, no printing.

export { batchCompression } from './batch-compression.ts';
export type { IncomingRecord } from './fetched-records.ts';
export { KafkaClient } from './kafka-client.ts';
export { earliest, latest, offsetsAt } from './offsets-admin.ts';
export { describeOffsets, topicSize } from './offsets-view.ts';
export { produceLines } from './produce-lines.ts';
export { type OffsetRange, readTopic } from './read-topic.ts';
export { encodeHeaders } from './record-batch-builder.ts';
export { alterTopic, createTopic, deleteTopic, listTopics, topicConfigs, topicPlaces } from './topics-admin.ts';
