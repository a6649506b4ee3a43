// Kafka error codes that handlers name themselves; all others come from the error table.

export const kafkaCode = {
  none: 0,
  offsetOutOfRange: 1,
  unknownTopicOrPartition: 3,
  leaderNotAvailable: 5,
  notLeader: 6,
  requestTimedOut: 7,
  invalidTopic: 17,
  invalidRequiredAcks: 21,
  unsupportedVersion: 35,
  invalidRequest: 42,
  transactionalIdAuthorizationFailed: 53,
  fetchSessionNotFound: 70,
  invalidFetchSessionEpoch: 71,
  fencedLeaderEpoch: 74,
  unknownLeaderEpoch: 75,
  invalidRecord: 87,
  unknownTopicId: 100,
  fetchSessionTopicId: 106,
} as const;
