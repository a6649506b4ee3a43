// A file system in memory that remembers, beside what is there, what would be there after a power failure: the content of a
// file as of its last `flushData`, the entries of a directory as of its last `flush`. `crash` gives the file system after it.
// SIGKILL cannot show such losses, because the operating system keeps what was written; tests of durability run on this.
//
// `keep` decides for every unflushed piece whether the disk had come to write it all the same; by default it never had.
// The instance that crashed answers every call with EIO, so that what was under way cannot reach into the world after.

import type { Clock } from '../base/clock.ts';
import type { FileFacts, FileLock, FileSystem, OpenDirectory, OpenFile } from './file-system.ts';

interface FileNode {
  kind: 'file';
  content: Buffer;
  durable: Buffer;
  modifiedMs: number;
  links: number;
}

interface DirectoryNode {
  kind: 'directory';
  entries: Map<string, Node>;
  durable: Map<string, Node>;
  linked: boolean;
}

type Node = FileNode | DirectoryNode;

export interface UnflushedFileSystemOptions {
  readonly clock: Clock;
  /** Called before every operation with its name; may throw, may call `crash`. */
  readonly beforeOperation?: (name: string) => void;
}

const fileError = (code: string, what: string) => Object.assign(new Error(`${code}: ${what}`), { code });
const newDirectory = (): DirectoryNode => ({ kind: 'directory', entries: new Map(), durable: new Map(), linked: true });

export class UnflushedFileSystem implements FileSystem {
  readonly #options: UnflushedFileSystemOptions;
  readonly #root: DirectoryNode;
  readonly #locked = new Set<string>();
  #crashed = false;

  constructor(options: UnflushedFileSystemOptions, root = newDirectory()) {
    this.#options = options;
    this.#root = root;
  }

  crash(keep: () => boolean = () => false): UnflushedFileSystem {
    this.#crashed = true;
    const survivors = new Map<Node, Node>();
    const survive = (node: Node): Node => {
      const known = survivors.get(node);
      if (known !== undefined) {
        if (known.kind === 'file') known.links++;
        return known;
      }
      if (node.kind === 'file') {
        const content = keep() ? node.content : node.durable;
        const file: FileNode = { ...node, content, durable: content, links: 1 };
        survivors.set(node, file);
        return file;
      }
      const directory = newDirectory();
      survivors.set(node, directory);
      for (const name of new Set([...node.durable.keys(), ...node.entries.keys()])) {
        const before = node.durable.get(name);
        const now = node.entries.get(name);
        const entry = before === now || keep() ? now : before;
        if (entry !== undefined) directory.entries.set(name, survive(entry));
      }
      directory.durable = new Map(directory.entries);
      return directory;
    };
    return new UnflushedFileSystem(this.#options, survive(this.#root) as DirectoryNode);
  }

  async create(path: string): Promise<OpenFile> {
    await this.#operation('create');
    const { parent, name } = this.#parent(path);
    if (parent.entries.has(name)) throw fileError('EEXIST', path);
    const node: FileNode = {
      kind: 'file',
      content: Buffer.alloc(0),
      durable: Buffer.alloc(0),
      modifiedMs: this.#now(),
      links: 1,
    };
    parent.entries.set(name, node);
    return this.#file(node);
  }

  async open(path: string): Promise<OpenFile> {
    await this.#operation('open');
    return this.#file(this.#fileAt(path));
  }

  async openDirectory(path: string): Promise<OpenDirectory> {
    await this.#operation('openDirectory');
    const node = this.#node(path);
    if (node.kind !== 'directory') throw fileError('ENOTDIR', path);
    return {
      facts: async () => {
        await this.#operation('directory facts');
        return { sizeBytes: 0, modifiedMs: 0, linked: node.linked };
      },
      flush: async () => {
        await this.#operation('flush');
        node.durable = new Map(node.entries);
      },
      close: async () => {},
    };
  }

  async makeDirectory(path: string): Promise<void> {
    await this.#operation('makeDirectory');
    const { parent, name } = this.#parent(path);
    if (parent.entries.has(name)) throw fileError('EEXIST', path);
    parent.entries.set(name, newDirectory());
  }

  async removeDirectory(path: string): Promise<void> {
    await this.#operation('removeDirectory');
    const node = this.#node(path);
    if (node.kind !== 'directory') throw fileError('ENOTDIR', path);
    if (node.entries.size > 0) throw fileError('ENOTEMPTY', path);
    const { parent, name } = this.#parent(path);
    parent.entries.delete(name);
    node.linked = false;
  }

  async names(path: string): Promise<string[]> {
    await this.#operation('names');
    const node = this.#node(path);
    if (node.kind !== 'directory') throw fileError('ENOTDIR', path);
    return [...node.entries.keys()];
  }

  async link(from: string, to: string): Promise<void> {
    await this.#operation('link');
    const node = this.#fileAt(from);
    const { parent, name } = this.#parent(to);
    if (parent.entries.has(name)) throw fileError('EEXIST', to);
    parent.entries.set(name, node);
    node.links++;
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#operation('rename');
    const node = this.#fileAt(from);
    const target = this.#parent(to);
    const replaced = target.parent.entries.get(target.name);
    if (replaced?.kind === 'directory') throw fileError('EISDIR', to);
    if (replaced !== undefined) replaced.links--;
    target.parent.entries.set(target.name, node);
    const source = this.#parent(from);
    source.parent.entries.delete(source.name);
  }

  async unlink(path: string): Promise<void> {
    await this.#operation('unlink');
    const node = this.#fileAt(path);
    const { parent, name } = this.#parent(path);
    parent.entries.delete(name);
    node.links--;
  }

  openLock(path: string): FileLock {
    return {
      tryAcquire: () => {
        if (this.#locked.has(path)) return false;
        this.#locked.add(path);
        return true;
      },
      release: () => void this.#locked.delete(path),
      close: () => {},
    };
  }

  #file(node: FileNode): OpenFile {
    return {
      write: async (parts, position) => {
        await this.#operation('write');
        const bytes = Buffer.concat(parts);
        const content = Buffer.alloc(Math.max(node.content.length, position + bytes.length));
        node.content.copy(content);
        bytes.copy(content, position);
        node.content = content;
        node.modifiedMs = this.#now();
      },
      read: async (into, position) => {
        await this.#operation('read');
        return node.content.copy(into, 0, Math.min(position, node.content.length));
      },
      facts: async (): Promise<FileFacts> => {
        await this.#operation('facts');
        return { sizeBytes: node.content.length, modifiedMs: node.modifiedMs, linked: node.links > 0 };
      },
      flushData: async () => {
        await this.#operation('flushData');
        node.durable = node.content;
      },
      close: async () => {},
    };
  }

  async #operation(name: string): Promise<void> {
    this.#options.beforeOperation?.(name);
    await Promise.resolve();
    if (this.#crashed) throw fileError('EIO', 'the file system has crashed');
  }

  #now(): number {
    return this.#options.clock.nowMs();
  }

  #node(path: string): Node {
    let node: Node = this.#root;
    for (const name of path.split('/')) {
      if (name === '') continue;
      if (node.kind !== 'directory') throw fileError('ENOTDIR', path);
      const next = node.entries.get(name);
      if (next === undefined) throw fileError('ENOENT', path);
      node = next;
    }
    return node;
  }

  #fileAt(path: string): FileNode {
    const node = this.#node(path);
    if (node.kind !== 'file') throw fileError('EISDIR', path);
    return node;
  }

  #parent(path: string): { parent: DirectoryNode; name: string } {
    const slash = path.lastIndexOf('/');
    const parent = this.#node(path.slice(0, slash));
    if (parent.kind !== 'directory') throw fileError('ENOTDIR', path);
    return { parent, name: path.slice(slash + 1) };
  }
}
