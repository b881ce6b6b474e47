/** The storages that pass the shared suite, by a name that can be told to another thread or process. */

import { LevelStorage } from '../../src/storage/level-storage.js';
import type { Storage } from '../../src/storage/storage.js';

export interface OpenOptions {
  readonly directory: string;
  readonly fsync: boolean;
  readonly lockPatienceMs?: number;
}

export const IMPLEMENTATIONS = {
  level: (options: OpenOptions): Promise<Storage> => LevelStorage.open(options),
} as const;

export type ImplementationName = keyof typeof IMPLEMENTATIONS;
