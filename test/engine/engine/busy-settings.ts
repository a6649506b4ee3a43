// Settings with which everything that a broker does happens many times in a second, and with which it happens every few seconds to objects
// of several parts.

export const busySettings: Readonly<Record<string, string>> = {
  // Small objects and an interval, so that many PUTs are under way at once.
  'cloudtopics.seal.bytes': '2048',
  'cloudtopics.seal.interval.ms': '2',
  'cloudtopics.metastore.flush.interval.ms': '150',
  'cloudtopics.reconcile.interval.min.ms': '20',
  'cloudtopics.reconcile.interval.max.ms': '50',
  'cloudtopics.reconcile.object.bytes': '1048576',
  'cloudtopics.upload.part.bytes': '5242880',
  'cloudtopics.l1.index.bytes': '65536',
  'cloudtopics.compaction.interval.ms': '100',
  'cloudtopics.compaction.object.bytes': '1048576',
  // 170 keys: a compaction takes several passes.
  'cloudtopics.memory.compaction.keys.bytes': '4096',
  'cloudtopics.leveling.interval.ms': '100',
  'cloudtopics.leveling.extent.bytes': '16384',
  'log.retention.check.interval.ms': '50',
  // The batch cache holds little, so that history is read from its objects.
  'cloudtopics.memory.slabs.bytes': '8388608',
  'cloudtopics.memory.slab.bytes': '65536',
};

export const busyWithPartsSettings: Readonly<Record<string, string>> = {
  ...busySettings,
  'cloudtopics.seal.bytes': '262144',
  'cloudtopics.seal.interval.ms': '20',
  // Objects of two parts at any pace of producing: the interval adapts.
  'cloudtopics.reconcile.interval.min.ms': '100',
  'cloudtopics.reconcile.interval.max.ms': '5000',
  'cloudtopics.reconcile.object.bytes': '12582912',
  'cloudtopics.compaction.object.bytes': '16777216',
  'cloudtopics.memory.compaction.keys.bytes': '65536',
  'cloudtopics.leveling.extent.bytes': '67108864',
};
