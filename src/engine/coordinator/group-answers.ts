// How answers to members are put together.

import { type ErrorCode, errorTable } from '../base/error-table.ts';
import { type Member, metadataOf, noBytes } from './group-member.ts';
import type { JoinGroupAnswer, SyncGroupAnswer } from './group-messages.ts';
import type { Roster } from './group-roster.ts';

export const noError = 0;

export function kafkaCodeOf(code: ErrorCode | undefined): number {
  return code === undefined ? noError : errorTable[code].kafkaCode;
}

interface JoinedGroup {
  readonly generation: number;
  readonly protocolType: string | null;
  readonly protocolName: string | null;
  readonly roster: Roster;
}

/** The present generation as the member is to see it; only the leader sees the others. */
export function joinAnswer(
  group: JoinedGroup,
  member: Member,
  options: { readonly leaderId?: string; readonly skipAssignment?: boolean } = {},
): JoinGroupAnswer {
  const leader = options.leaderId ?? group.roster.leaderId ?? '';
  return {
    errorCode: noError,
    generationId: group.generation,
    protocolType: group.protocolType,
    protocolName: group.protocolName,
    leader,
    skipAssignment: options.skipAssignment ?? false,
    memberId: member.id,
    members: leader === member.id ? membersOf(group) : [],
  };
}

function membersOf(group: JoinedGroup): JoinGroupAnswer['members'] {
  return [...group.roster.members()].map((member) => ({
    memberId: member.id,
    groupInstanceId: member.instanceId,
    metadata: metadataOf(member, group.protocolName),
  }));
}

export function joinError(error: ErrorCode, memberId = ''): JoinGroupAnswer {
  return {
    errorCode: kafkaCodeOf(error),
    generationId: -1,
    protocolType: null,
    protocolName: null,
    leader: '',
    skipAssignment: false,
    memberId,
    members: [],
  };
}

export function syncAnswer(
  outcome:
    | { readonly error: ErrorCode }
    | { readonly protocolType: string | null; readonly protocolName: string | null; readonly assignment: Buffer },
): SyncGroupAnswer {
  if ('error' in outcome) {
    return { errorCode: kafkaCodeOf(outcome.error), protocolType: null, protocolName: null, assignment: noBytes };
  }
  return { errorCode: noError, ...outcome };
}
