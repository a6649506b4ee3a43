// The layers of the house as DESIGN §13 draws them, and the judgement of a single import against them. Pure: paths in, a sentence
// about what is wrong out.

import type { Import } from './import-scanner.ts';

/** Lowest first. Rooms of one layer do not know each other. */
const layers: readonly (readonly string[])[] = [
  ['base'],
  ['records', 'wire', 'store', 'disk-cache'],
  ['replicated-log'],
  ['lsm', 'l0', 'l1'],
  ['domain'],
  ['metastore'],
  ['partition', 'cluster'],
  ['bucket-view'],
  ['reconciler', 'compactor', 'collector'],
  ['coordinator'],
  ['broker', 'replica', 'restore', 'audit'],
  ['engine', 'admin', 'sim'],
  ['cli'],
  ['commands'],
];

const layerOf = new Map(layers.flatMap((rooms, layer) => rooms.map((room): [string, number] => [room, layer])));

/** Front doors beside `x/x.ts` and `*-format.ts`: the file that states a port apart from the one that opens it. */
const ports = new Set(['src/engine/store/object-store.ts']);
/** Boxes of tools for everybody above: each of their files is a door. */
const toolboxes = new Set(['base', 'cli']);

/** The room a source file is in; files directly in src/engine belong to the composition root, the room "engine". */
export function roomOf(path: string): string | undefined {
  const [src, first, second, ...rest] = path.split('/');
  if (src !== 'src') return undefined;
  if (first === 'commands' || first === 'cli') return first;
  if (first !== 'engine' || second === undefined) return undefined;
  return rest.length === 0 ? 'engine' : second;
}

/** What is wrong with a file's place; undefined when it is in a room that has a layer. */
export function misplaced(path: string): string | undefined {
  const room = roomOf(path);
  if (room !== undefined && layerOf.has(room)) return undefined;
  return `${path} is in no room of the house: move it, or give its folder a layer in test/house/layers.ts and DESIGN §13`;
}

function isFrontDoor(target: string, room: string): boolean {
  if (toolboxes.has(room) || ports.has(target) || target.endsWith('-format.ts')) return true;
  return target === (room === 'engine' ? 'src/engine/engine.ts' : `src/engine/${room}/${room}.ts`);
}

/** What is wrong with an import between files of src; undefined when nothing is. */
export function wrongImport({ from, specifier, target }: Import): string | undefined {
  if (target === undefined) return undefined;
  const says = `${from} imports ${specifier}`;
  const inside = roomOf(from);
  const outside = roomOf(target);
  if (inside === undefined || outside === undefined)
    return `${says}, which leads out of src: sources import sources only`;
  if (inside === outside) return undefined;
  const fromLayer = layerOf.get(inside);
  const toLayer = layerOf.get(outside);
  if (fromLayer === undefined || toLayer === undefined) return undefined;
  if (toLayer === fromLayer) {
    return `${says}: ${inside} and ${outside} are equals and do not know each other; let a room above pass in what is needed`;
  }
  if (toLayer > fromLayer) {
    return `${says}: ${outside} lies above ${inside}, imports go down only; let ${outside} pass it in, or move it down`;
  }
  // The composition root wires implementations to ports, so it looks inside the rooms it puts together (decision 5).
  if (inside === 'engine' || isFrontDoor(target, outside)) return undefined;
  return `${says}: go through the front door ${outside}/${outside}.ts (export it there), or a *-format.ts`;
}
