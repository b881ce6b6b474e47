/**
 * What is in each directory that a user names for a cluster's data: a lock, the description of the cluster, and directories
 * of servers. It holds those of all servers (data-directory.ts), or that of one server (data-directories.ts).
 */

import { dirname, join, resolve } from 'node:path';
import type { Environment } from '../environment.js';
import { initialConfiguration } from '../raft/configuration.js';
import type { Member, ServerId, SlotId } from '../raft/types.js';
import { DataDirectoryError } from './data-directory-error.js';
import type { FileLock, Files } from './files.js';
import {
  MANIFEST_NAME,
  type ManifestFields,
  OtherFormatError,
  PARTIAL_MANIFEST_NAME,
  readManifest,
  writeManifest,
} from './manifest.js';
import { type Owner, ServerManifest } from './server-manifest.js';

const LOCK_NAME = 'lock';
const SERVER_DIRECTORY = /^server-\d+$/;
/** The name of a directory that a rebuild leaves when it is cut off. */
const REBUILT_DIRECTORY = /^server-\d+\.rebuilt$/;
/** Where format 2 had what the manifest holds. */
const LEVELDB_DIRECTORY = 'cluster';
/** In the topmost directory of an ext4 file system. */
export const LOST_AND_FOUND = 'lost+found';

const CLUSTER_ID_WORDS = 4;

export interface DataDirectoryOptions {
  readonly files: Files;
  /** Random bits for the id of a new cluster. */
  readonly environment: Pick<Environment, 'random'>;
}

export interface NewDirectoriesOptions extends DataDirectoryOptions {
  /** How many servers the cluster is to have. */
  readonly servers: number;
  /** Whether a cluster that is there may be of another size. */
  readonly isAnySize?: boolean;
}

/** Whose directories are kept. */
export interface Membership {
  /** The members, those that are to be, and those that are to go. */
  readonly members: readonly Member[];
  /** The lowest identity that was given to nobody. */
  readonly nextId: ServerId;
  /** How many voters there were when the last change was over. */
  readonly size: number;
}

export interface Description {
  /** Identifies the cluster for good: made when its directories were. */
  readonly clusterId: string;
  /** How many servers it began with. */
  readonly servers: number;
  readonly membership: Membership;
  /** The only server that has this directory; undefined when all servers share it. */
  readonly serverId: ServerId | undefined;
  /** How often each server's directory was rebuilt, by its identity: an older one may come back, and is not to be used. */
  readonly generations: readonly number[];
  /** Where each member has a directory of its own, as far as that was written down; empty when all share one. */
  readonly places: ReadonlyMap<ServerId, string>;
  /** Counts what was written to directories of single servers: of several that say different things the highest counts. */
  readonly revision: number;
}

/** What all directories of a cluster say alike. */
export type ClusterDescription = Omit<Description, 'serverId'>;

/** Where a cluster keeps its data, held by this process alone. */
export interface ClusterDirectory {
  readonly clusterId: string;
  /** How many servers the cluster began with. */
  readonly servers: number;
  /** Whose directories there are, in the order of their slots. */
  readonly members: readonly Member[];
  /** What was named and is not used, in one line each. */
  readonly leftOut: readonly string[];
  /**
   * Makes a directory for a new server in this slot, with an identity that nobody ever had. Rejects with DataDirectoryError;
   * then there is no new server.
   *
   * @param dataDir where: only servers with directories of their own can have it elsewhere than the others
   */
  add(slot: SlotId, dataDir?: string): Promise<Member>;
  /** Removes the directory of a server that is no member any more, or never was. Rejects with DataDirectoryError. */
  remove(id: ServerId): Promise<void>;
  /** A change is over: there are this many voters. Rejects with DataDirectoryError. */
  settle(size: number): Promise<void>;
  /**
   * Resolves to where the server keeps log, votes and snapshots; looks for it once more if its disk was lost. Rejects with
   * StorageError or DataDirectoryError when it still is.
   */
  locate(id: ServerId): Promise<string>;
  /**
   * Gives the server the directory that `make` makes, in place of the one that it has or has lost. Rejects as `make` does, or
   * with DataDirectoryError; then the old one stays.
   */
  replace(id: ServerId, make: (directory: string) => Promise<void>): Promise<void>;
  close(): Promise<void>;
}

/** What a directory holds, by its names. */
export interface Inventory {
  readonly hasManifest: boolean;
  /** Names of the directories of servers. */
  readonly servers: readonly string[];
}

/** The identity in the name of a server's directory. */
export function identityIn(name: string): ServerId {
  return Number(name.slice(name.indexOf('-') + 1));
}

/** Rejects with {@link DataDirectoryError} when something else is in it, or with OtherFormatError. */
export async function takeInventory(files: Files, path: string): Promise<Inventory> {
  const names = await files.list(path);
  if (names.includes(LEVELDB_DIRECTORY)) throw new OtherFormatError(2);
  const foreign = names.find((name) => !isOurs(name));
  if (foreign !== undefined)
    throw new DataDirectoryError(
      path,
      `holds ${foreign}, which is not of a cluster: name an empty directory`,
    );
  return {
    hasManifest: names.includes(MANIFEST_NAME),
    servers: names.filter((name) => SERVER_DIRECTORY.test(name)),
  };
}

/** Whether any name belongs to a cluster, of this or another format. */
export function holdsCluster(names: readonly string[]): boolean {
  return names.some((name) => name === MANIFEST_NAME || isOfServer(name) || name === LEVELDB_DIRECTORY);
}

/** Whether it has not been initialized. */
export function isBlank({ hasManifest, servers }: Inventory): boolean {
  return !hasManifest && servers.length === 0;
}

/**
 * Resolves to a lock that may be released more than once. Rejects with {@link DataDirectoryError} when another process, or
 * another cluster of this one, has it.
 */
export async function lockDirectory(files: Files, path: string): Promise<FileLock> {
  const lock = await files.lock(join(path, LOCK_NAME));
  if (lock !== undefined) {
    let released: Promise<void> | undefined;
    return {
      release: () => {
        released ??= lock.release();
        return released;
      },
    };
  }
  const reason = 'in use by another process: stop that one or name another directory';
  throw new DataDirectoryError(path, reason);
}

/** What the directory's manifest says of the cluster; undefined without a manifest. */
export function readDescription(files: Files, path: string): Promise<Description | undefined> {
  return readManifest(files, path, (fields: ManifestFields) => {
    const servers = fields.number('servers');
    return {
      clusterId: fields.string('clusterId'),
      servers,
      serverId: fields.has('serverId') ? fields.number('serverId') : undefined,
      generations: fields.has('generations') ? fields.numbers('generations') : firstGenerations(servers),
      membership: fields.has('members') ? membershipIn(fields) : firstMembership(servers),
      places: fields.has('members') ? placesIn(fields) : new Map(),
      revision: fields.has('revision') ? fields.number('revision') : 0,
    };
  });
}

/** Resolves once the description survives a crash of the machine. */
export function writeDescription(files: Files, path: string, description: Description): Promise<void> {
  const { clusterId, servers, serverId, generations, membership, places, revision } = description;
  const members = membership.members.map((member) => {
    const dataDir = places.get(member.id);
    return dataDir === undefined ? member : { ...member, dataDir };
  });
  const shared = { clusterId, servers, ...membership, members };
  const content = serverId === undefined ? shared : { ...shared, serverId, generations, revision };
  return writeManifest(files, path, content, { fsync: true });
}

/** That of a new cluster. */
export function firstMembership(servers: number): Membership {
  const { voters, nextId } = initialConfiguration(servers);
  return { members: voters, nextId, size: servers };
}

function membershipIn(fields: ManifestFields): Membership {
  const members = fields.list('members').map((one) => ({ id: one.number('id'), slot: one.number('slot') }));
  return { members, nextId: fields.number('nextId'), size: fields.number('size') };
}

function placesIn(fields: ManifestFields): ReadonlyMap<ServerId, string> {
  const placed = fields.list('members').filter((one) => one.has('dataDir'));
  return new Map(placed.map((one) => [one.number('id'), one.string('dataDir')]));
}

/** No directory was rebuilt yet. */
export function firstGenerations(servers: number): readonly number[] {
  return Array.from({ length: servers }, () => 0);
}

/**
 * The owner named in a server directory's manifest, and whether the server has begun to use the directory; undefined without a
 * manifest.
 */
export async function ownerOf(
  files: Files,
  directory: string,
): Promise<{ readonly owner: Owner; readonly isBegun: boolean } | undefined> {
  const manifest = await ServerManifest.open(files, directory);
  return manifest && { owner: manifest.owner, isBegun: manifest.state.isBegun };
}

/** Whether a server may have begun to use its directory. */
export async function isUsed(files: Files, directory: string): Promise<boolean> {
  const found = await ownerOf(files, directory);
  if (found !== undefined) return found.isBegun;
  return (await files.list(directory)).some((name) => name !== PARTIAL_MANIFEST_NAME);
}

/** Syncs the directory's name, and the names of the directories above it that were made with it. */
export async function syncNamesAbove(
  files: Files,
  path: string,
  topmostMade: string | undefined,
): Promise<void> {
  const last = dirname(resolve(topmostMade ?? path));
  let above = dirname(resolve(path));
  while (above !== last) {
    await files.syncDirectory(above);
    above = dirname(above);
  }
  await files.syncDirectory(last);
}

/**
 * The same for a directory in which there is nothing of value yet. Where that fails, what was made is removed: the next attempt
 * would find it, and a sync that succeeds then does not make good one that failed.
 */
export async function syncNewNamesAbove(
  files: Files,
  path: string,
  topmostMade: string | undefined,
): Promise<void> {
  try {
    await syncNamesAbove(files, path, topmostMade);
  } catch (error) {
    if (topmostMade !== undefined) await files.removeTree(topmostMade).catch(() => undefined);
    throw error;
  }
}

/** 128 random bits. */
export function newClusterId({ random }: Pick<Environment, 'random'>): string {
  return Array.from({ length: CLUSTER_ID_WORDS }, () =>
    Math.floor(random() * 2 ** 32)
      .toString(16)
      .padStart(8, '0'),
  ).join('');
}

export function serverDirectory(path: string, id: ServerId): string {
  return join(path, `server-${id}`);
}

/** Makes a server's directory in place of another one, if there is one. It survives the end of the machine then. */
export async function replaceServerDirectory(
  files: Files,
  target: string,
  make: (directory: string) => Promise<void>,
): Promise<void> {
  const partial = `${target}.rebuilt`;
  await files.removeTree(partial);
  await make(partial);
  await files.removeTree(target);
  await files.rename(partial, target);
  // Before the server votes and acknowledges on the new disk: the old one must not come back.
  await files.syncDirectory(dirname(target));
}

function isOurs(name: string): boolean {
  const known = [MANIFEST_NAME, PARTIAL_MANIFEST_NAME, LOCK_NAME, LOST_AND_FOUND];
  return known.includes(name) || isOfServer(name);
}

function isOfServer(name: string): boolean {
  return SERVER_DIRECTORY.test(name) || REBUILT_DIRECTORY.test(name);
}
