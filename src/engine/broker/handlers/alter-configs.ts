// AlterConfigs: replaces all settings of a resource; what is not named goes back to its default.

import { EngineError } from '../../base/errors.ts';
import { alterConfigs } from '../../wire/wire.ts';
import { alterConfigResources } from '../config-alteration.ts';
import { serve } from '../handler.ts';

export const servedAlterConfigs = serve(
  alterConfigs,
  async (request, _context, broker) => {
    const alterations = request.resources.map(({ resourceType, resourceName, configs }) => ({
      resourceType,
      resourceName,
      edit: () => () => {
        const wanted = new Map<string, string>();
        for (const { name, value } of configs) {
          if (value === null) throw new EngineError('invalid-config', `Null value not supported for ${name}`);
          wanted.set(name, value);
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
