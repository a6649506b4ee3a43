// One member of a group, as the coordinator sees it.

import type { JoinGroupAnswer, SyncGroupAnswer } from './group-messages.ts';

export interface MemberProtocol {
  readonly name: string;
  readonly metadata: Buffer;
}

export type Answer<T> = (answer: T) => void;

export interface Member {
  /** A restarted static member gets a new id; everything else of it stays. */
  id: string;
  readonly instanceId: string | null;
  clientId: string;
  clientHost: string;
  rebalanceTimeoutMs: number;
  sessionTimeoutMs: number;
  /** In the order of its preference. */
  protocols: readonly MemberProtocol[];
  assignment: Buffer;
  /** Has not been part of a generation yet: it cannot send heartbeats, so only a long timeout removes it. */
  isNew: boolean;
  /** Monotonic time at which its session ends, unless it waits for the coordinator. */
  deadlineMs: number;
  waitingJoin: Answer<JoinGroupAnswer> | undefined;
  waitingSync: Answer<SyncGroupAnswer> | undefined;
}

export const noBytes: Buffer = Buffer.alloc(0);

export function metadataOf(member: Member, protocol: string | null): Buffer {
  return member.protocols.find((candidate) => candidate.name === protocol)?.metadata ?? noBytes;
}

/** Same names in the same order with the same metadata: joining again then changes nothing. */
export function sameProtocols(left: readonly MemberProtocol[], right: readonly MemberProtocol[]): boolean {
  if (left.length !== right.length) return false;
  return left.every((protocol, index) => {
    const other = right[index] as MemberProtocol;
    return protocol.name === other.name && protocol.metadata.equals(other.metadata);
  });
}

/** What the member costs in memory, about. */
export function memberBytes(member: Member): number {
  return 512 + protocolsBytes(member.protocols) + member.assignment.length;
}

export function protocolsBytes(protocols: readonly MemberProtocol[]): number {
  let bytes = 0;
  for (const protocol of protocols) bytes += 64 + protocol.name.length + protocol.metadata.length;
  return bytes;
}

/** Whether a silent member is to be removed once its deadline has passed. */
export function mustBeHeard(member: Member): boolean {
  return member.isNew || (member.waitingJoin === undefined && member.waitingSync === undefined);
}
