// Applies alterations to topics and the broker, each resource with its own outcome.

import { EngineError, toEngineError } from '../base/errors.ts';
import { configResource, type ResourceName } from './config-resource.ts';
import type { BrokerServices } from './handler.ts';
import { changedInTime } from './time-limit.ts';

export type ConfigEdit = (present: ReadonlyMap<string, string>) => ReadonlyMap<string, string>;

export interface ConfigAlteration extends ResourceName {
  /** Throws to refuse. */
  readonly edit: (kind: 'topic' | 'broker') => ConfigEdit;
}

export interface AlterationOutcome extends ResourceName {
  readonly errorCode: number;
  readonly errorMessage: string | null;
}

export function alterationOutcome(resource: ResourceName, error?: EngineError): AlterationOutcome {
  const { resourceType, resourceName } = resource;
  return { resourceType, resourceName, errorCode: error?.kafkaCode ?? 0, errorMessage: error?.message ?? null };
}

/** Judged one after the other, so that later ones see earlier ones, and written together. */
export async function alterConfigResources(
  alterations: readonly ConfigAlteration[],
  validateOnly: boolean,
  broker: BrokerServices,
): Promise<AlterationOutcome[]> {
  const outcomes = alterations.map(async (alteration) => {
    const isSame = (other: ResourceName) =>
      other.resourceType === alteration.resourceType && other.resourceName === alteration.resourceName;
    const error =
      alterations.filter(isSame).length > 1
        ? new EngineError('invalid-request', 'The resource is named more than once in the request.')
        : await alterOne(alteration, validateOnly, broker);
    return alterationOutcome(alteration, error);
  });
  return Promise.all(outcomes);
}

async function alterOne(
  alteration: ConfigAlteration,
  validateOnly: boolean,
  broker: BrokerServices,
): Promise<EngineError | undefined> {
  const resource = configResource(alteration, broker);
  if (resource instanceof EngineError) return resource;
  try {
    const edit = alteration.edit(resource.kind);
    if (resource.kind === 'broker') {
      await changedInTime(broker.clock, broker.control.alterBrokerConfigs(edit, validateOnly));
      return undefined;
    }
    const change = broker.control.alterTopicConfigs([{ name: resource.topic.name, edit }], validateOnly);
    const { results } = await changedInTime(broker.clock, change);
    return results[0] instanceof EngineError ? results[0] : undefined;
  } catch (thrown) {
    const error = toEngineError(thrown);
    if (error.code === 'bug') throw error;
    return error;
  }
}
