// Flags that several metadata commands have in common.

import * as Flags from '@oclif/core/flags';

const domainText = 'control, metastore/0, groups/0 …; can be given several times.';

/** `otherwise`: which domains are meant where none is named. */
export const domainFlag = (otherwise: string) =>
  Flags.string({
    multiple: true,
    multipleNonGreedy: true,
    helpValue: 'NAME',
    description: `${domainText} Default: ${otherwise}.`,
  });

/** On commands that speak of the work on history. */
export const topicsFlag = Flags.string({
  multiple: true,
  multipleNonGreedy: true,
  helpValue: 'NAME',
  description: 'Only this topic; can be given several times. Default: all.',
});

export const kindsFlag = Flags.option({
  options: ['compaction', 'leveling', 'retention'] as const,
  multiple: true,
  multipleNonGreedy: true,
})({ description: 'Only work of this kind; can be given several times. Default: all.' });

export const metastoreDomains = 'all metastore domains';
export const allDomains = 'all';
