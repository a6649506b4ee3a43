// How output says which picture it shows and how old it is: lines above a table, "view" in JSON.

import type { PictureMoment, SourcePlace } from '../engine/admin/admin.ts';
import { formatAge } from './duration-format.ts';

/** In every result of a metadata command. */
export interface ViewJson {
  readonly view: SourcePlace & { readonly domains: readonly PictureMoment[] };
}

export function viewJson(place: SourcePlace, moments: readonly PictureMoment[]): ViewJson {
  return { view: { ...place, domains: moments } };
}

/** The lines above a table. Domains that the bucket has nothing of are named: their rows are missing, not none. */
export function viewText(
  place: SourcePlace,
  moments: readonly PictureMoment[],
  unflushed: readonly string[] = [],
): string {
  const lines =
    place.kind === 'live'
      ? [`view: live broker at ${place.admin}, cluster ${place.clusterId}, now`]
      : [
          `view: bucket ${place.store}, cluster ${place.cluster} (${place.clusterId})`,
          ...moments.map(
            ({ domain, manifest, time, ageMs }) =>
              `  ${domain} as of ${time} (${formatAge(ageMs)} ago), manifest ${manifest}`,
          ),
        ];
  return [...lines, ...unflushed.map((name) => `  ${name}: nothing was flushed to the bucket yet`)].join('\n');
}
