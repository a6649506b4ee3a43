// OffsetDelete: forgets positions of a group, except of topics that its members read.

import { offsetDelete } from '../../wire/wire.ts';
import { serve } from '../handler.ts';

export const servedOffsetDelete = serve(offsetDelete, (request, _context, broker) =>
  broker.coordinator.offsetDelete(
    request.groupId,
    request.topics.map(({ name, partitions }) => ({
      name,
      partitionIndexes: partitions.map(({ partitionIndex }) => partitionIndex),
    })),
  ),
);
