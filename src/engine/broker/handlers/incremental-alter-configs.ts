// IncrementalAlterConfigs: sets, deletes, appends to and subtracts from single settings.

import { EngineError } from '../../base/errors.ts';
import {
  brokerConfigDefinitions,
  type ConfigDefinition,
  listElements,
  topicConfigDefinitions,
  topicConfigValue,
} from '../../cluster/cluster.ts';
import { incrementalAlterConfigs, type RequestOf } from '../../wire/wire.ts';
import { alterConfigResources } from '../config-alteration.ts';
import { type BrokerServices, serve } from '../handler.ts';

type Change = RequestOf<typeof incrementalAlterConfigs>['resources'][number]['configs'][number];
type Kind = 'topic' | 'broker';

const operation = { set: 0, delete: 1, append: 2, subtract: 3 } as const;

export const servedIncrementalAlterConfigs = serve(
  incrementalAlterConfigs,
  async (request, _context, broker) => {
    const alterations = request.resources.map(({ resourceType, resourceName, configs }) => ({
      resourceType,
      resourceName,
      edit: (kind: Kind) => (present: ReadonlyMap<string, string>) => {
        const wanted = new Map(present);
        const named = new Set<string>();
        for (const change of configs) {
          if (named.has(change.name)) throw refuse(`${change.name} is named more than once`);
          named.add(change.name);
          apply(change, wanted, kind, broker);
        }
        return wanted;
      },
    }));
    return { responses: await alterConfigResources(alterations, request.validateOnly, broker) };
  },
  (request, errorCode, errorMessage) => ({
    responses: request.resources.map(({ resourceType, resourceName }) => ({
      resourceType,
      resourceName,
      errorCode,
      errorMessage,
    })),
  }),
);

function apply(
  { name, value, configOperation }: Change,
  wanted: Map<string, string>,
  kind: Kind,
  broker: BrokerServices,
) {
  const definitions: ReadonlyMap<string, ConfigDefinition> =
    kind === 'topic' ? topicConfigDefinitions : brokerConfigDefinitions;
  const definition = definitions.get(name);
  if (definition === undefined)
    throw new EngineError('invalid-config', `Unknown ${kind} config name: ${name.slice(0, 100)}`);
  if (configOperation === operation.delete) {
    wanted.delete(name);
    return;
  }
  if (value === null) throw refuse(`Null value not supported for ${name}`);
  if (configOperation === operation.set) {
    wanted.set(name, value);
    return;
  }
  if (configOperation !== operation.append && configOperation !== operation.subtract) {
    throw refuse(`Unknown operation ${configOperation} for ${name}`);
  }
  if (definition.type !== 'list')
    throw refuse(`${name} is not a list: it can be set, not appended to or subtracted from`);
  const present = listElements(effective(definition, wanted, kind, broker));
  const elements = listElements(value.trim());
  const after =
    configOperation === operation.append
      ? [...present, ...elements.filter((element) => !present.includes(element))]
      : present.filter((element) => !elements.includes(element));
  wanted.set(name, after.join(','));
}

function effective(
  { name, defaultValue }: ConfigDefinition,
  wanted: Map<string, string>,
  kind: Kind,
  broker: BrokerServices,
) {
  return kind === 'topic' ? topicConfigValue(wanted, broker.config, name) : (wanted.get(name) ?? defaultValue);
}

function refuse(problem: string): EngineError {
  return new EngineError('invalid-request', problem);
}
