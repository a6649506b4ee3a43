// The decisions of a rebalance, as pure functions: which protocol, which leader, how long to wait, who may come in.

export interface Voter {
  /** In the order of preference. */
  readonly protocols: readonly { readonly name: string }[];
}

/** Protocol names that every voter has, in the order of the first voter's preference. */
function commonProtocols(voters: readonly Voter[]): string[] {
  const [first, ...others] = voters;
  if (first === undefined) return [];
  return first.protocols
    .map((protocol) => protocol.name)
    .filter((name) => others.every((voter) => voter.protocols.some((protocol) => protocol.name === name)));
}

/**
 * Each voter votes for the first of its protocols that all have; most votes win, and between equals the preference of the
 * first voter (Kafka leaves that open). Undefined when they have none in common.
 */
export function chooseProtocol(voters: readonly Voter[]): string | undefined {
  const votes = new Map(commonProtocols(voters).map((name) => [name, 0]));
  for (const voter of voters) {
    const choice = voter.protocols.find((protocol) => votes.has(protocol.name))?.name;
    if (choice !== undefined) votes.set(choice, (votes.get(choice) as number) + 1);
  }
  let best: string | undefined;
  for (const [name, count] of votes) {
    if (best === undefined || count > (votes.get(best) as number)) best = name;
  }
  return best;
}

/** Whether somebody with these protocols fits into the group; `supportedByAll` asks the present members. */
export function fitsGroup(
  group: {
    readonly empty: boolean;
    readonly protocolType: string | null;
    readonly supportedByAll: (protocol: string) => boolean;
  },
  joiner: Voter & { readonly protocolType: string },
): boolean {
  if (group.empty) return joiner.protocolType !== '' && joiner.protocols.length > 0;
  return group.protocolType === joiner.protocolType && joiner.protocols.some(({ name }) => group.supportedByAll(name));
}

/** The leader stays when it has joined again; otherwise anybody who has takes over. Undefined when nobody has. */
export function electLeader(
  leaderId: string | null,
  members: Iterable<{ readonly id: string; readonly waitingJoin: unknown }>,
): string | undefined {
  let first: string | undefined;
  for (const member of members) {
    if (member.waitingJoin === undefined) continue;
    if (member.id === leaderId) return member.id;
    first ??= member.id;
  }
  return first;
}

/** The longest that any member asked for: the group waits for its slowest. */
export function rebalanceTimeoutMs(members: Iterable<{ readonly rebalanceTimeoutMs: number }>): number {
  let longest = 0;
  for (const member of members) longest = Math.max(longest, member.rebalanceTimeoutMs);
  return longest;
}

/**
 * Whether the size limit lets somebody in. During a rebalance those who wait are counted, not the members: when the limit was
 * lowered, the last ones to come back stay outside.
 */
export function hasRoom(
  phase: 'Empty' | 'PreparingRebalance' | 'CompletingRebalance' | 'Stable' | 'Dead',
  size: { readonly members: number; readonly waiting: number; readonly max: number },
  joiner: { readonly isMember: boolean; readonly isWaiting: boolean },
): boolean {
  if (phase === 'Empty' || phase === 'Dead') return true;
  if (phase === 'PreparingRebalance') return joiner.isWaiting || size.waiting < size.max;
  return joiner.isMember || size.members < size.max;
}

/**
 * The first rebalance of an empty group waits a while for more members, and again when some came meanwhile, but not longer
 * than a rebalance may take.
 */
export function furtherInitialDelay(
  wait: { readonly delayMs: number; readonly remainingMs: number },
  grew: boolean,
): { readonly delayMs: number; readonly remainingMs: number } | undefined {
  if (!grew || wait.remainingMs === 0) return undefined;
  const delayMs = Math.min(wait.delayMs, wait.remainingMs);
  return { delayMs, remainingMs: wait.remainingMs - delayMs };
}
