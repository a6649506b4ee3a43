// Lies beside the peers' node_modules, so that an import from here finds them.
export const load = (name: string): Promise<unknown> => import(name);
