// The row of a group: generation, protocol, and the members with their assignments (docs/formats/groups.md).
// It holds what a restart needs, so that members of a stable group go on as if nothing had happened.
//
// What it refuses: a newer version by name, bytes that are left over, members that appear twice.

import { ByteReader } from '../base/byte-reader.ts';
import { ByteWriter } from '../base/byte-writer.ts';
import { readBytes, readNullableText, readText, writeBytes, writeText } from './row-text-format.ts';

const version = 1;

export interface GroupRow {
  readonly generation: number;
  /** Null for a group that was only ever used to keep offsets. */
  readonly protocolType: string | null;
  readonly protocolName: string | null;
  readonly leaderId: string | null;
  /** Wall clock of the last change of state; the retention of an empty group's offsets counts from it. */
  readonly stateSinceMs: number;
  readonly members: readonly GroupRowMember[];
}

export interface GroupRowMember {
  readonly memberId: string;
  readonly instanceId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  readonly rebalanceTimeoutMs: number;
  readonly sessionTimeoutMs: number;
  /** Of the protocol that the group chose. */
  readonly metadata: Buffer;
  readonly assignment: Buffer;
}

export function encodeGroupRow(row: GroupRow): Buffer {
  const writer = new ByteWriter(256);
  writer.u8(version).i32(row.generation).i64(row.stateSinceMs);
  writeText(writer, row.protocolType);
  writeText(writer, row.protocolName);
  writeText(writer, row.leaderId);
  writer.uvarint(row.members.length);
  for (const member of row.members) {
    writeText(writer, member.memberId);
    writeText(writer, member.instanceId);
    writeText(writer, member.clientId);
    writeText(writer, member.clientHost);
    writer.i32(member.rebalanceTimeoutMs).i32(member.sessionTimeoutMs);
    writeBytes(writer, member.metadata);
    writeBytes(writer, member.assignment);
  }
  return writer.bytes();
}

export function decodeGroupRow(bytes: Buffer, key: string): GroupRow {
  const reader = new ByteReader(bytes, `row ${key}`);
  reader.version(version);
  const generation = reader.i32();
  const stateSinceMs = reader.i64();
  const protocolType = readNullableText(reader);
  const protocolName = readNullableText(reader);
  const leaderId = readNullableText(reader);
  const count = reader.uvarint();
  const members = new Map<string, GroupRowMember>();
  for (let index = 0; index < count; index++) {
    const member: GroupRowMember = {
      memberId: readText(reader),
      instanceId: readNullableText(reader),
      clientId: readText(reader),
      clientHost: readText(reader),
      rebalanceTimeoutMs: reader.i32(),
      sessionTimeoutMs: reader.i32(),
      metadata: readBytes(reader),
      assignment: readBytes(reader),
    };
    if (members.has(member.memberId)) throw reader.corrupt(`member ${member.memberId} appears twice`);
    members.set(member.memberId, member);
  }
  if (reader.remaining > 0) throw reader.corrupt(`${reader.remaining} bytes are left over`);
  if (count > 0 && (leaderId === null || !members.has(leaderId))) throw reader.corrupt('the leader is not a member');
  return { generation, protocolType, protocolName, leaderId, stateSinceMs, members: [...members.values()] };
}
