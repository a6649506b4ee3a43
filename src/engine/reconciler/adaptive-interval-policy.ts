// How long a topic waits for its next round: adapted so that the largest object of a round gets the target size. Pure.

export interface IntervalRules {
  readonly targetBytes: number;
  readonly minMs: number;
  readonly maxMs: number;
}

/** How much of the way to the ideal interval one round goes: fast towards shorter ones, because a backlog grows meanwhile. */
const speedUp = 0.9;
const slowDown = 0.4;

/** After a round whose largest object had so many bytes; 0 where there was nothing to do, or it failed, which makes this a back-off. */
export function nextIntervalMs(currentMs: number, largestBytes: number, rules: IntervalRules): number {
  const { targetBytes, minMs, maxMs } = rules;
  const idealMs = largestBytes === 0 ? maxMs : currentMs * (targetBytes / largestBytes);
  const part = idealMs < currentMs ? speedUp : slowDown;
  const nextMs = (1 - part) * currentMs + part * idealMs;
  return Math.min(maxMs, Math.max(minMs, nextMs));
}
