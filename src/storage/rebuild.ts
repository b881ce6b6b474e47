/**
 * A server that lost its disk gets a new one, made from the disks of all the others while the cluster is stopped.
 *
 * An empty disk would break two promises. The server may have acknowledged an entry that is committed thanks to it: so
 * the new disk gets the most up-to-date log of the others (§5.4.1), which holds every committed entry, by the same
 * argument as the log of an elected leader. And it may have voted: nobody leads a term before its own vote in it is on its
 * own disk, so no term later than the latest on the others' disks has had a leader, and whoever asked for votes in one has
 * forgotten what it got; in the latest the new disk says that the vote is given, and the server votes in later terms only.
 * Both need the disk of every other server.
 */

import { includes } from '../raft/configuration.js';
import type { Configuration, Member, ServerId, SlotId, Term } from '../raft/types.js';
import type { ClusterDirectory, DataDirectoryOptions } from './cluster-directory.js';
import { DataDirectoryError, explainedIfHung } from './data-directory-error.js';
import { DiskStorage } from './disk-storage.js';
import type { Files } from './files.js';
import { openExistingDirectories } from './open-directories.js';
import { endOf, isMoreUpToDate, latestConfiguration, openServer } from './recovered-logs.js';
import { makeServerDirectory, type Owner } from './server-manifest.js';

const READ_BYTES = 1024 * 1024;

/** What a server was rebuilt from. */
export interface Rebuilt {
  readonly from: ServerId;
  readonly lastIndex: number;
  readonly term: Term;
}

/**
 * Gives server `id` a new disk in place of the old one, if there is one. `paths` are the cluster's directories: one for all
 * servers, or one for each, where that which is missing or empty is the server's. Rejects with DataDirectoryError or
 * StorageError, and has changed nothing then.
 */
export async function rebuildServer(
  paths: readonly string[],
  id: ServerId,
  options: DataDirectoryOptions,
): Promise<Rebuilt> {
  const directory = await openExistingDirectories(paths, options);
  const path = paths.join(', ');
  return explainedIfHung(path, async () => {
    try {
      return await rebuild(directory, { id, path }, options.files);
    } finally {
      await directory.close();
    }
  });
}

async function rebuild(
  directory: ClusterDirectory,
  { id, path }: { readonly id: ServerId; readonly path: string },
  files: Files,
): Promise<Rebuilt> {
  const { members } = directory;
  const lost = await lostOf(directory, id, { path, files });
  const ids = members.map(({ slot }) => slot).join(', ');
  if (lost === undefined) throw new DataDirectoryError(path, `has servers ${ids}, no server ${id}`);
  if (members.length === 1)
    throw new DataDirectoryError(path, 'has no other server to rebuild this one from: restore a backup');
  const others: { readonly slot: SlotId; readonly storage: DiskStorage }[] = [];
  try {
    // More than the members of any configuration: the directories of those to come and to go are there, too.
    for (const other of members) {
      if (other === lost) continue;
      others.push({ slot: other.slot, storage: await openServer(directory, other.id, files) });
    }
    const source = others.reduce((best, one) =>
      isMoreUpToDate(one.storage.recovered, best.storage.recovered) ? one : best,
    );
    const term = Math.max(...others.map(({ storage }) => storage.recovered.hardState.currentTerm));
    const configuration = latestConfiguration(source.storage.recovered, directory.servers);
    const fault = faultOfRebuild(configuration, lost.id);
    if (fault !== undefined) throw new DataDirectoryError(path, `cannot have server ${id} rebuilt: ${fault}`);
    const owner = { clusterId: directory.clusterId, serverId: lost.id };
    await directory.replace(lost.id, (to) => copy(source.storage, { owner, term, to, files }));
    return { from: source.slot, lastIndex: endOf(source.storage.recovered).index, term };
  } finally {
    for (const { storage } of others) await storage.close();
  }
}

/** The server to rebuild; undefined when there is none of that id. Of two, one to replace the other, it is the lost one. */
async function lostOf(
  directory: ClusterDirectory,
  id: SlotId,
  { path, files }: { readonly path: string; readonly files: Files },
): Promise<Member | undefined> {
  const [first, ...others] = directory.members.filter(({ slot }) => slot === id);
  if (first === undefined || others.length === 0) return first;
  for (const one of [first, ...others]) {
    const opened = await openServer(directory, one.id, files).catch(() => undefined);
    if (opened === undefined) return one;
    await opened.close();
  }
  const reason = `has two directories of server ${id}, which is being replaced: start the cluster, which ends that`;
  throw new DataDirectoryError(path, reason);
}

/** Why the others' disks do not tell all that the server may have promised; undefined when they do. */
function faultOfRebuild({ voters, outgoing, learners }: Configuration, id: ServerId): string | undefined {
  if (![voters, outgoing, learners].some((members) => includes(members, id))) return 'it is no member';
  const alone = [voters, outgoing].some((half) => half.length === 1 && includes(half, id));
  return alone ? 'it decided alone while members changed: restore a backup' : undefined;
}

interface CopyOptions {
  readonly owner: Owner;
  readonly term: Term;
  readonly to: string;
  readonly files: Files;
}

async function copy(source: DiskStorage, { owner, term, to, files }: CopyOptions): Promise<void> {
  await makeServerDirectory(files, to, owner);
  const target = await DiskStorage.open({ files, directory: to, owner, fsync: true });
  try {
    const { snapshot, logStart, entries } = source.recovered;
    if (snapshot !== undefined) {
      const sink = await target.createSnapshot();
      for (let offset = 0; offset < snapshot.byteLength; offset += READ_BYTES) {
        const bytes = await source.readSnapshot(snapshot, offset, READ_BYTES);
        if (bytes !== undefined) await sink.write(bytes);
      }
      const { index, term, configuration } = snapshot;
      await sink.commit({ index, term, configuration }, logStart);
    }
    const hardState = { currentTerm: term, votedFor: owner.serverId };
    await target.persist([{ sequence: 0, hardState, entries, snapshotChunk: undefined }]);
  } finally {
    await target.close();
  }
}
