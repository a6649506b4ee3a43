// Kafka error codes that handlers name themselves: those of the error table by their name there, and those that only the
// protocol knows as numbers.

import { errorTable } from '../base/error-table.ts';

export const kafkaCode = {
  none: 0,
  offsetOutOfRange: errorTable['offset-out-of-range'].kafkaCode,
  unknownTopicOrPartition: errorTable['unknown-topic-or-partition'].kafkaCode,
  leaderNotAvailable: 5,
  notLeader: errorTable['not-leader'].kafkaCode,
  requestTimedOut: errorTable['request-timed-out'].kafkaCode,
  invalidTopic: errorTable['invalid-topic-name'].kafkaCode,
  invalidRequiredAcks: 21,
  unsupportedVersion: errorTable['unsupported-version'].kafkaCode,
  invalidRequest: errorTable['invalid-request'].kafkaCode,
  policyViolation: errorTable['policy-violation'].kafkaCode,
  transactionalIdAuthorizationFailed: 53,
  fetchSessionNotFound: 70,
  invalidFetchSessionEpoch: 71,
  fencedLeaderEpoch: errorTable['fenced-leader-epoch'].kafkaCode,
  unknownLeaderEpoch: errorTable['unknown-leader-epoch'].kafkaCode,
  invalidRecord: errorTable['invalid-record'].kafkaCode,
  unknownTopicId: errorTable['unknown-topic-id'].kafkaCode,
  fetchSessionTopicId: 106,
} as const;
