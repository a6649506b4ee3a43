// The front door of the operator's verbs: what the commands call. Plain values in and out; no flags, no printing.

export { type BatchCompression, batchCompression, type CodecName, codecNames } from './batch-compression.ts';
export type { BrokerAddress } from './broker-connection.ts';
export { type ConsumeOptions, consumeRecords, type FetchedRecords } from './consume-records.ts';
export type { IncomingRecord } from './fetched-records.ts';
export { KafkaClient, type KafkaClientOptions } from './kafka-client.ts';
export { readLines } from './line-reader.ts';
export { commitOffsets, earliest, groupOffsets, latest, offsetsAt } from './offsets-admin.ts';
export { type OutgoingRecord, type ProduceProgress, type ProduceReport, produceRecords } from './produce-records.ts';
export { encodeHeaders } from './record-batch-builder.ts';
export {
  alterTopic,
  createTopic,
  deleteTopic,
  listTopics,
  type TopicConfig,
  type TopicPlaces,
  type TopicSummary,
  topicConfigs,
  topicPlaces,
} from './topics-admin.ts';
