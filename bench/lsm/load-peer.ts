// The stores that ours is compared with are installed apart (bench/peers), because their native builds are large.

import { load } from '../peers/load.ts';

/** Rejects with what to run when the peers are not installed. */
export async function loadPeer<T>(name: string): Promise<T> {
  try {
    return (await load(name)) as T;
  } catch (cause) {
    throw new Error(`${name} cannot be loaded; run: npm ci --prefix bench/peers`, { cause });
  }
}
