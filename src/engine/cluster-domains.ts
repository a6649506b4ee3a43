// Which domains a cluster has: control first, whose rows say how many others there are; then those, together.

import { EngineError } from './base/errors.ts';
import { ControlState } from './cluster/control-state.ts';
import type { DomainServices, OpenDomain, OpenDomains } from './open-domains.ts';

export interface ClusterDomains {
  readonly control: ControlState;
  /** groups/0 … */
  readonly groups: readonly OpenDomain[];
  /** metastore/0 … */
  readonly metastore: readonly OpenDomain[];
}

type Kind = 'groups' | 'metastore';

export async function openClusterDomains(domains: OpenDomains, services: DomainServices): Promise<ClusterDomains> {
  // What control says must be in the bucket before anybody hears of it.
  const [domain] = await domains.open([{ name: 'control', flush: 'at-once' }]);
  if (domain === undefined) throw new EngineError('bug', 'no control domain was opened');
  const control = await ControlState.open({ ...services, domain: domain.owned });
  const { domainCounts } = control;
  const wanted = (kind: Kind) => {
    const flush = { everyMs: () => services.config.number(`cloudtopics.${kind}.flush.interval.ms`) };
    return Array.from({ length: domainCounts[kind] }, (_, at) => ({ name: `${kind}/${at}`, flush }));
  };
  warnOfOtherCounts(control, services);
  const opened = await domains.open([...wanted('groups'), ...wanted('metastore')]);
  return {
    control,
    groups: opened.slice(0, domainCounts.groups),
    metastore: opened.slice(domainCounts.groups),
  };
}

/** The numbers were fixed when the cluster was created. */
function warnOfOtherCounts({ domainCounts }: ControlState, { config, logger }: DomainServices): void {
  for (const kind of ['groups', 'metastore'] as const) {
    const setting = `cloudtopics.${kind}.domains` as const;
    const wanted = config.number(setting);
    const count = domainCounts[kind];
    if (!config.isSet(setting) || wanted === count) continue;
    const message = 'the number of domains was fixed when the cluster was created; the setting is ignored';
    logger.warn({ setting, wanted, count }, message);
  }
}
