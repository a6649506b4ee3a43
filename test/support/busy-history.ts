// Settings of a broker that works on history all the time: everything happens every second or so, objects are small, and so is memory, so
// that history is read from its objects.

export const busyHistory: Readonly<Record<string, string>> = {
  'cloudtopics.memory.slabs.bytes': '33554432',
  'cloudtopics.memory.slab.bytes': '1048576',
  'cloudtopics.memory.l1.bytes': '16777216',
  'cloudtopics.metastore.flush.interval.ms': '1000',
  'cloudtopics.reconcile.interval.max.ms': '1000',
  'cloudtopics.reconcile.object.bytes': '4194304',
  'cloudtopics.compaction.interval.ms': '300',
  'cloudtopics.leveling.interval.ms': '1000',
  'cloudtopics.leveling.extent.bytes': '4194304',
  'cloudtopics.compaction.object.bytes': '8388608',
  'cloudtopics.upload.part.bytes': '5242880',
  'log.retention.check.interval.ms': '300',
};
