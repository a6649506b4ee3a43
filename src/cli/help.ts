// --help: oclif's, with what every command says about itself added: effect, schemas, exit statuses.

import { CommandHelp, Help as OclifHelp } from '@oclif/core/help';
import type { CommandFacts } from './command-facts.ts';
import { effectText } from './command-facts.ts';
import { exitStatus } from './exit-statuses.ts';

type Section = ReturnType<CommandHelp['sections']>[number];

class FactsHelp extends CommandHelp {
  override sections(): Section[] {
    const facts = (this.command as { facts?: CommandFacts }).facts;
    if (facts === undefined) return super.sections();
    const more: Section[] = [
      { header: 'EFFECT', generate: () => `${effectText(facts.effect)} ${facts.besideBroker}` },
      {
        header: 'EXIT STATUSES',
        generate: (_details, header) => [
          {
            header,
            body: facts.exitStatuses.map((status): [string, string] => [String(status), exitStatus(status).meaning]),
          },
        ],
      },
    ];
    if (facts.schemas.length > 0) {
      more.push({ header: facts.jsonLines === true ? 'JSON LINES' : 'JSON', generate: () => facts.schemas.join('\n') });
    }
    return [...super.sections(), ...more];
  }
}

export class Help extends OclifHelp {
  protected override CommandHelpClass = FactsHelp;
}
