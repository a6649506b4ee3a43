// The one table of error codes: it feeds exit statuses, Kafka answers, `cloudtopics explain`, man and docs.
// A code is never renamed or reused: scripts depend on it.

/** What the caller should do, as a class. One exit status each. */
export type ErrorKind =
  | 'usage'
  | 'not-found'
  | 'conflict'
  | 'fenced'
  | 'unavailable'
  | 'denied'
  | 'unconfirmed'
  | 'corruption'
  | 'unsupported'
  | 'limit'
  | 'cancelled'
  | 'bug';

/** Exit status of the command for each kind; the whole list of statuses is in docs/operating/exit-codes.md. */
export const exitStatusByKind: Readonly<Record<ErrorKind, number>> = {
  bug: 1,
  usage: 2,
  'not-found': 5,
  conflict: 6,
  fenced: 7,
  unavailable: 8,
  denied: 9,
  unconfirmed: 10,
  unsupported: 11,
  limit: 12,
  corruption: 13,
  cancelled: 130,
};

export interface ErrorEntry {
  readonly kind: ErrorKind;
  /** Whether the same call may succeed later without anybody changing anything. */
  readonly retryable: boolean;
  /** Kafka protocol error code. */
  readonly kafkaCode: number;
  /** One sentence: what it means. */
  readonly meaning: string;
  /** What to do; printed after `try:`. */
  readonly hint?: string;
}

const entry = (kind: ErrorKind, kafkaCode: number, retryable: boolean, meaning: string, hint?: string): ErrorEntry =>
  hint === undefined ? { kind, kafkaCode, retryable, meaning } : { kind, kafkaCode, retryable, meaning, hint };

export const errorTable = {
  // usage
  usage: entry('usage', 42, false, 'A flag, argument or request field is wrong or missing.'),
  'invalid-config': entry('usage', 40, false, 'A configuration key or value is not accepted.'),
  'invalid-topic-name': entry(
    'usage',
    17,
    false,
    'A topic name is empty, too long, or has characters that are not allowed.',
    'use letters, digits, ".", "_" and "-", at most 249 characters',
  ),
  'invalid-partitions': entry(
    'usage',
    37,
    false,
    'A partition count is below 1, above the limit, or not larger than the present one.',
  ),
  'invalid-replication-factor': entry('usage', 38, false, 'A replication factor is 0 or below −1.'),
  'invalid-replica-assignment': entry(
    'usage',
    39,
    false,
    'A replica assignment names brokers that do not exist or leaves out partitions.',
  ),
  'store-url': entry(
    'usage',
    42,
    false,
    'A store URL has an unknown scheme or option.',
    'file:///dir, memory:, or s3://bucket/prefix?region=…&endpoint=…&pathStyle=true',
  ),

  // not found
  'unknown-topic-or-partition': entry(
    'not-found',
    3,
    true,
    'The topic or partition does not exist.',
    'cloudtopics topics list',
  ),
  'unknown-topic-id': entry(
    'not-found',
    100,
    true,
    'No topic has this id; it was deleted, or created again under the same name.',
  ),
  'object-not-found': entry('not-found', 56, false, 'An object that was expected in the store is not there.'),
  'group-not-found': entry('not-found', 69, false, 'The consumer group does not exist.'),
  'cluster-not-found': entry('not-found', 42, false, 'No cluster of this name or id is in the store.'),
  'domain-not-found': entry(
    'not-found',
    42,
    false,
    'The cluster has no domain of this name.',
    'cloudtopics metastore stats',
  ),
  'row-not-found': entry('not-found', 42, false, 'The domain has no row with this key.'),
  'unknown-error-code': entry('not-found', 42, false, 'No error code of this name exists.', 'cloudtopics explain'),

  // conflict
  'topic-exists': entry('conflict', 36, false, 'A topic of this name exists already.'),
  'policy-violation': entry(
    'conflict',
    44,
    false,
    'The topic’s cleanup policy does not allow this: records of a topic that is compacted only are not deleted by offset.',
    'add delete to cleanup.policy',
  ),
  'precondition-failed': entry(
    'conflict',
    56,
    false,
    'A conditional write found another value than the one it expected.',
  ),
  'metastore-conflict': entry(
    'conflict',
    56,
    false,
    'A change to the metastore does not fit what it holds now: other extents, another version, or another next offset.',
  ),
  'object-not-preregistered': entry(
    'conflict',
    56,
    false,
    'Extents were added for an L1 object that is not preregistered: it was added before, has expired, or was never known.',
  ),
  'directory-locked': entry(
    'conflict',
    56,
    false,
    'Another process uses this data directory.',
    'stop the other broker, or give this one its own --data-dir',
  ),
  'address-in-use': entry(
    'conflict',
    -1,
    false,
    'The address to listen on is taken by another process.',
    'stop the other process, or choose another address with --listen or --admin',
  ),
  'non-empty-group': entry('conflict', 68, false, 'The group has active members.', 'stop its consumers first'),
  'group-subscribed-to-topic': entry(
    'conflict',
    86,
    false,
    'The group is subscribed to the topic whose offsets should be deleted.',
  ),

  // fenced
  'fenced-term': entry('fenced', 6, true, 'A newer leader has taken this partition or domain.'),
  'fenced-owner': entry(
    'fenced',
    6,
    false,
    'Another owner has taken the cluster in the bucket; this process may not write there any more.',
    'stop this process; it must not be started again on this data directory',
  ),
  'owner-mismatch': entry(
    'fenced',
    56,
    false,
    'The data directory does not belong to the cluster in the bucket, or is older than it.',
    'cloudtopics restore (to rebuild the directory from the bucket), or point --data-dir at the right one',
  ),
  'fenced-leader-epoch': entry('fenced', 74, true, 'The leader epoch in the request is older than the partition’s.'),
  'unknown-leader-epoch': entry('fenced', 75, true, 'The leader epoch in the request is newer than the partition’s.'),
  'not-leader': entry('fenced', 6, true, 'This broker does not lead the partition, or is just opening it.'),

  // unavailable
  'store-unavailable': entry(
    'unavailable',
    56,
    true,
    'The object store did not answer, or answered with an error that may pass.',
    'check the endpoint, the credentials and the network',
  ),
  'store-timeout': entry(
    'unavailable',
    7,
    true,
    'The object store did not answer in time; whether it acted is not known.',
  ),
  'store-conflict': entry(
    'unavailable',
    56,
    true,
    'Another conditional write to the same object was under way; the store did nothing.',
  ),
  'log-unavailable': entry('unavailable', 56, true, 'The replicated log could not be written.'),
  'outcome-unknown': entry(
    'unavailable',
    7,
    true,
    'Whether a commit happened is not known; the leader gives up its term and reads back.',
  ),
  'upload-failed': entry('unavailable', 7, true, 'The batch could not be uploaded, or one staged before it failed.'),
  'broker-unavailable': entry(
    'unavailable',
    8,
    true,
    'No broker answers at the address.',
    'cloudtopics serve, or give the right --bootstrap HOST:PORT',
  ),
  'request-timed-out': entry('unavailable', 7, true, 'The request was not done in the time it allowed.'),
  'shutting-down': entry('unavailable', 6, true, 'The broker is stopping.'),
  'coordinator-not-available': entry('unavailable', 15, true, 'The group coordinator is not available.'),

  // denied
  'store-denied': entry(
    'denied',
    56,
    false,
    'The object store refused the credentials or the permission.',
    'check the access key and the bucket policy',
  ),
  'invalid-request': entry('denied', 42, false, 'The request breaks a rule of the protocol.'),

  // limit
  'disk-full': entry(
    'limit',
    56,
    true,
    'The disk or the metadata map is full; nothing was acknowledged that is not durable.',
    'free disk space, or raise cloudtopics.log.bytes.max; the broker goes on by itself',
  ),
  'message-too-large': entry(
    'limit',
    10,
    false,
    'A record batch is larger than max.message.bytes allows.',
    'raise max.message.bytes of the topic, or lower batch.size of the producer',
  ),
  'entry-too-large': entry(
    'limit',
    10,
    false,
    'An entry of the replicated log, or a write to a domain, is larger than the log accepts.',
  ),
  'key-map-too-small': entry(
    'limit',
    -1,
    false,
    'The keys of a single record batch do not fit the memory that compaction has for keys.',
    'raise cloudtopics.memory.compaction.keys.bytes and start the broker again',
  ),
  'request-too-large': entry('limit', 42, false, 'A request is larger than the broker accepts.'),
  'group-max-size': entry('limit', 81, false, 'The group has as many members as the broker accepts.'),
  'too-many-groups': entry(
    'limit',
    81,
    false,
    'The broker keeps as many consumer groups as it accepts.',
    'delete groups that nobody uses any more',
  ),

  // corruption
  'corrupt-batch': entry('corruption', 2, true, 'A record batch does not match its checksum or its own lengths.'),
  'invalid-record': entry(
    'corruption',
    87,
    false,
    'A record batch has a valid checksum and content that is not allowed.',
  ),
  'corrupt-object': entry('corruption', 56, false, 'Bytes in the object store do not match their checksum or format.'),
  'corrupt-log': entry(
    'corruption',
    56,
    false,
    'The local log does not match its checksum or format.',
    'cloudtopics restore (to rebuild it from the bucket)',
  ),

  // records
  'invalid-timestamp': entry('usage', 32, false, 'A record timestamp is outside what the topic accepts.'),
  'unsupported-codec': entry('unsupported', 76, false, 'A record batch is compressed with a codec that is not known.'),
  'unsupported-message-format': entry(
    'unsupported',
    43,
    false,
    'Only record batches of magic 2 are accepted.',
    'use a client that speaks Produce v3 or newer',
  ),
  'offset-out-of-range': entry('not-found', 1, false, 'The offset is below the log start or above the high watermark.'),

  // producers and groups
  'out-of-order-sequence': entry('conflict', 45, false, 'The producer’s sequence number does not follow the last one.'),
  'duplicate-sequence': entry('conflict', 46, false, 'The batch is older than the last five of its producer.'),
  'invalid-producer-epoch': entry('fenced', 47, false, 'A newer producer with the same id has taken over.'),
  'unknown-member-id': entry('not-found', 25, false, 'The member is not in the group.'),
  'illegal-generation': entry('conflict', 22, false, 'The group has moved to another generation.'),
  'rebalance-in-progress': entry('conflict', 27, true, 'The group is rebalancing.'),
  'member-id-required': entry('conflict', 79, true, 'The member must join again with the id it was given.'),
  'fenced-instance-id': entry('fenced', 82, false, 'Another member with the same group.instance.id has taken over.'),
  'inconsistent-group-protocol': entry(
    'conflict',
    23,
    false,
    'The member supports no protocol that all members of the group have.',
  ),
  'invalid-session-timeout': entry('usage', 26, false, 'The session timeout is outside what the broker accepts.'),
  'invalid-group-id': entry('usage', 24, false, 'The group id is empty or not allowed.'),
  'offset-metadata-too-large': entry('limit', 12, false, 'The metadata committed with an offset is too large.'),

  // general
  'unsupported-version': entry('unsupported', 35, false, 'The API or version is not served.'),
  'unsupported-format': entry(
    'unsupported',
    56,
    false,
    'The bytes are of a newer format version than this program knows.',
    'upgrade cloudtopics',
  ),
  'unsupported-platform': entry('unsupported', -1, false, 'This platform or runtime is not supported.'),
  unconfirmed: entry(
    'unconfirmed',
    -1,
    false,
    'The action needs a confirmation that cannot be asked here.',
    'repeat with --yes',
  ),
  cancelled: entry('cancelled', 7, true, 'The call was cancelled.'),
  bug: entry(
    'bug',
    -1,
    false,
    'Something happened that the program holds to be impossible.',
    'report it with the output of the same command and --verbose',
  ),
} as const satisfies Record<string, ErrorEntry>;

export type ErrorCode = keyof typeof errorTable;
