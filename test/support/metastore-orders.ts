// What the process of metastore-child.ts is told, and what it answers.

import type {
  AddObjectsRequest,
  CompactObjectsRequest,
  ExpirePreregistrationsRequest,
  RemoveTopicsRequest,
  ReplaceObjectsRequest,
  SetStartOffsetRequest,
} from '../../src/engine/metastore/metastore-requests.ts';

export type MetastoreOrder =
  | { readonly kind: 'preregister'; readonly domain: number; readonly count: number; readonly seed: number }
  | { readonly kind: 'add'; readonly request: AddObjectsRequest }
  | { readonly kind: 'replace'; readonly request: ReplaceObjectsRequest }
  | { readonly kind: 'compact'; readonly request: CompactObjectsRequest }
  | { readonly kind: 'set-start'; readonly request: SetStartOffsetRequest }
  | { readonly kind: 'remove-topics'; readonly domain: number; readonly request: RemoveTopicsRequest }
  | { readonly kind: 'expire'; readonly domain: number; readonly request: ExpirePreregistrationsRequest }
  /** As a collector would that has just deleted them. */
  | { readonly kind: 'remove-objects'; readonly domain: number; readonly objectIds: readonly string[] }
  /** All rows of a domain, as [key, hex]. */
  | { readonly kind: 'rows'; readonly domain: number }
  /** All domains. */
  | { readonly kind: 'flush' };

export interface NumberedOrder {
  readonly id: number;
  readonly order: MetastoreOrder;
}

/** Done, and durable; or refused with a code. */
export type OrderAnswer =
  | { readonly id: number; readonly answer: unknown }
  | { readonly id: number; readonly code: string; readonly message: string };
