import type { LedgerFiles } from '../../../src/store/ledger/ledger-files.ts';

interface File {
  content: Buffer;
  /** Bytes that survive a loss of power. */
  synced: number;
  /** Whether the name does. */
  isNamed: boolean;
}

const never = new Promise<never>(() => {});

/** A folder that can be full, tear the last bytes, and forget what was not synced. */
export class FakeDisk {
  readonly files = new Map<string, File>();
  isFull = false;
  isSyncFailing = false;
  isRemovalFailing = false;
  /** What happened, in order. */
  readonly steps: string[] = [];

  get names(): string[] {
    return [...this.files.keys()];
  }

  get segments(): string[] {
    return this.names.filter((name) => name.endsWith('.log'));
  }

  contentOf(name: string): Buffer {
    return this.files.get(name)?.content ?? Buffer.alloc(0);
  }

  put(name: string, content: Buffer | string): void {
    const bytes = Buffer.from(content);
    this.files.set(name, { content: bytes, synced: bytes.length, isNamed: true });
  }

  /** The last bytes that were written did not all reach the disk. */
  tearTail(bytes: number): void {
    const last = this.segments.at(-1);
    const file = last === undefined ? undefined : this.files.get(last);
    if (file !== undefined) file.content = file.content.subarray(0, Math.max(0, file.content.length - bytes));
  }

  losePower(): void {
    for (const [name, file] of this.files) {
      if (file.isNamed) file.content = file.content.subarray(0, file.synced);
      else this.files.delete(name);
    }
  }

  /** The folder as one process sees it. `isAlive`: after its end nothing that it does happens. */
  filesOf(isAlive: () => boolean): LedgerFiles {
    const alive = async (): Promise<void> => (isAlive() ? undefined : never);
    const full = (): void => {
      if (this.isFull) throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
    };
    return {
      create: (name) => {
        full();
        if (this.files.has(name)) throw Object.assign(new Error('file exists'), { code: 'EEXIST' });
        const file: File = { content: Buffer.alloc(0), synced: 0, isNamed: false };
        if (isAlive()) this.files.set(name, file);
        return {
          append: (bytes) => {
            full();
            if (isAlive()) file.content = Buffer.concat([file.content, bytes]);
          },
          sync: async () => {
            await alive();
            const { length } = file.content;
            await Promise.resolve();
            if (this.isSyncFailing) throw Object.assign(new Error('input/output error'), { code: 'EIO' });
            file.synced = Math.max(file.synced, length);
            this.steps.push(`sync ${name}`);
          },
          close: () => {},
        };
      },
      discard: (name) => void this.files.delete(name),
      syncNames: async () => {
        await alive();
        for (const file of this.files.values()) file.isNamed = true;
      },
      syncContent: async (name) => {
        await alive();
        const file = this.files.get(name);
        if (file !== undefined) file.synced = file.content.length;
      },
      list: async () => {
        await alive();
        return [...this.files].map(([name, { content }]) => ({ name, bytes: content.length }));
      },
      read: async (name) => {
        await alive();
        const file = this.files.get(name);
        if (file === undefined) throw Object.assign(new Error('no such file'), { code: 'ENOENT' });
        return file.content;
      },
      write: async (name, text) => {
        await alive();
        full();
        this.put(name, text);
        this.steps.push(`write ${name}`);
      },
      appendLine: async (name, line) => {
        await alive();
        full();
        this.put(name, Buffer.concat([this.contentOf(name), Buffer.from(line)]));
      },
      rename: async (from, to) => {
        await alive();
        const file = this.files.get(from);
        if (file === undefined) return false;
        this.files.delete(from);
        this.files.set(to, file);
        return true;
      },
      remove: async (name) => {
        await alive();
        if (this.isRemovalFailing) throw Object.assign(new Error('not permitted'), { code: 'EPERM' });
        this.files.delete(name);
        this.steps.push(`remove ${name}`);
      },
    };
  }
}
