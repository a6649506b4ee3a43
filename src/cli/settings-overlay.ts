// Lays the settings file under the environment while flags are parsed: a variable that is set wins over the file.

interface FlagWithTwin {
  readonly env?: string | undefined;
}

/** Takes the variables back when disposed. */
export function overlayEnvironment(
  environment: NodeJS.ProcessEnv,
  settings: ReadonlyMap<string, string> | undefined,
  flags: Readonly<Record<string, FlagWithTwin>>,
): Disposable {
  const added: string[] = [];
  for (const [name, value] of settings ?? []) {
    const twin = flags[name]?.env;
    if (twin === undefined || environment[twin]) continue;
    environment[twin] = value;
    added.push(twin);
  }
  return {
    [Symbol.dispose]() {
      for (const name of added) delete environment[name];
    },
  };
}
