/**
 * The manifest of one server: whose directory it is, which snapshot counts, where the log begins and ends.
 *
 * A server that finds nothing on its disk must not take that for a fresh start: it may have voted and acknowledged entries
 * before, and would break its promises. So the manifest is there from the moment when the directory is made for a new
 * cluster, says whether the server has begun to use it, and a directory without one is refused.
 */

import { LOG_ORIGIN } from '../raft/log.js';
import type { Configuration, LogPosition, Member, ServerId, SnapshotMeta } from '../raft/types.js';
import type { Files } from './files.js';
import { type ManifestFields, readManifest, writeManifest } from './manifest.js';
import type { FirstSegment, LogTail, NewestSegment } from './segment-files.js';

/** The server that a directory belongs to. */
export interface Owner {
  readonly clusterId: string;
  readonly serverId: ServerId;
}

/** Where the log begins: after this position, in this segment. Entries up to it are being removed. */
export interface LogStart extends LogPosition {
  readonly first: FirstSegment;
}

export interface ServerState {
  /** Whether the log has begun: from the end of the first opening on. */
  readonly isBegun: boolean;
  readonly logStart: LogStart;
  /** The segment of the log that was made last; undefined when there is none yet. */
  readonly newestSegment: NewestSegment | undefined;
  readonly logTail: LogTail;
  /** The newest snapshot; undefined when there is none yet. */
  readonly snapshot: SnapshotMeta | undefined;
}

const NEW_SERVER: ServerState = {
  isBegun: false,
  logStart: { ...LOG_ORIGIN, first: { number: 1, sequence: 1 } },
  newestSegment: undefined,
  logTail: 'zeros',
  snapshot: undefined,
};

/** Makes the directory of a server that never ran; it survives the end of the machine once its name does. */
export async function makeServerDirectory(files: Files, directory: string, owner: Owner): Promise<void> {
  await files.makeDirectory(directory);
  await writeManifest(files, directory, { ...owner, ...NEW_SERVER }, { fsync: true });
}

export class ServerManifest {
  readonly owner: Owner;
  readonly #files: Files;
  readonly #directory: string;
  #state: ServerState;
  /** One change is written after the other. */
  #writing: Promise<void> = Promise.resolve();

  private constructor(files: Files, directory: string, { owner, state }: Content) {
    this.owner = owner;
    this.#files = files;
    this.#directory = directory;
    this.#state = state;
  }

  /** Opens the manifest; resolves to undefined if there is none. Rejects with DamagedManifestError or OtherFormatError. */
  static async open(files: Files, directory: string): Promise<ServerManifest | undefined> {
    const content = await readManifest(files, directory, contentOf);
    return content === undefined ? undefined : new ServerManifest(files, directory, content);
  }

  /** As it was last written. */
  get state(): ServerState {
    return this.#state;
  }

  /** Writes what has changed. When this rejects, the manifest on the disk may have changed or not. */
  update(change: Partial<ServerState>, { fsync }: { readonly fsync: boolean }): Promise<void> {
    const done = this.#writing.then(async () => {
      const state = { ...this.#state, ...change };
      await writeManifest(this.#files, this.#directory, { ...this.owner, ...state }, { fsync });
      this.#state = state;
    });
    this.#writing = done.catch(() => undefined);
    return done;
  }
}

interface Content {
  readonly owner: Owner;
  readonly state: ServerState;
}

function contentOf(fields: ManifestFields): Content {
  const logStart = fields.fields('logStart');
  const first = logStart.fields('first');
  return {
    owner: { clusterId: fields.string('clusterId'), serverId: fields.number('serverId') },
    state: {
      isBegun: fields.boolean('isBegun'),
      logStart: {
        ...positionOf(logStart),
        first: { number: first.number('number'), sequence: first.number('sequence') },
      },
      newestSegment: fields.has('newestSegment') ? segmentOf(fields.fields('newestSegment')) : undefined,
      logTail: fields.has('logTail') && fields.string('logTail') === 'torn' ? 'torn' : 'zeros',
      snapshot: fields.has('snapshot') ? snapshotOf(fields.fields('snapshot')) : undefined,
    },
  };
}

function positionOf(fields: ManifestFields): LogPosition {
  return { index: fields.number('index'), term: fields.number('term') };
}

function segmentOf(fields: ManifestFields): NewestSegment {
  return { number: fields.number('number'), byteLength: fields.number('byteLength') };
}

function snapshotOf(fields: ManifestFields): SnapshotMeta {
  const byteLength = fields.number('byteLength');
  if (!fields.has('configuration')) return { ...positionOf(fields), byteLength };
  return {
    ...positionOf(fields),
    byteLength,
    configuration: configurationOf(fields.fields('configuration')),
  };
}

function configurationOf(fields: ManifestFields): Configuration {
  return {
    voters: membersOf(fields.list('voters')),
    outgoing: membersOf(fields.list('outgoing')),
    learners: membersOf(fields.list('learners')),
    nextId: fields.number('nextId'),
  };
}

function membersOf(list: readonly ManifestFields[]): readonly Member[] {
  return list.map((member) => ({ id: member.number('id'), slot: member.number('slot') }));
}
