/** How a server looks from outside: its status, what it has measured, and what it shows to somebody who watches. */

import type { PortChannel } from '../channel/port-channel.js';
import type { Environment } from '../environment.js';
import { hasVoter } from '../raft/configuration.js';
import type { Raft } from '../raft/raft.js';
import type { ServerId } from '../raft/types.js';
import type { ServerMeasurements, ServerObservation, ServerStatus } from '../wire/control.js';
import type { AppliedState } from './applied-state.js';
import type { Clients } from './clients/clients.js';
import type { ReplyFrames } from './clients/reply-frames.js';
import type { DiskHealth } from './disk-health.js';
import { logTail, type MessageSampler } from './observation.js';
import { observedMembers } from './observed-members.js';
import type { Peers } from './peers.js';
import type { ServerMetrics } from './server-metrics.js';

export interface ServerViewOptions {
  readonly environment: Environment;
  readonly id: ServerId;
  readonly raft: Raft;
  readonly state: AppliedState;
  readonly clients: Clients;
  readonly traffic: PortChannel<Uint8Array>;
  readonly peers: Peers;
  readonly replies: ReplyFrames;
  readonly diskHealth: DiskHealth;
  readonly sampler: MessageSampler;
  readonly metrics: ServerMetrics;
}

export class ServerView {
  readonly #options: ServerViewOptions;

  constructor(options: ServerViewOptions) {
    this.#options = options;
  }

  get status(): ServerStatus {
    const { id, raft, state, diskHealth } = this.#options;
    const { role, currentTerm: term, hardState, leader, commitIndex, lastLog, snapshotIndex } = raft;
    return {
      id,
      role: role === 'follower' && !hasVoter(raft.configuration, id) ? 'learner' : role,
      term,
      votedFor: hardState.votedFor ?? null,
      leader: leader ?? null,
      commitIndex,
      lastApplied: state.position.index,
      lastIndex: lastLog.index,
      snapshotIndex,
      disk: diskHealth.condition,
    };
  }

  /** Reads what was counted since the thread began to serve. */
  measure(): Omit<ServerMeasurements, 'thread'> {
    const { state, metrics, clients } = this.#options;
    const { watchers, subscribers } = clients.listeners;
    return {
      status: this.status,
      metrics: metrics.read(),
      keys: state.store.size,
      watchers: watchers.count,
      subscribers: subscribers.count,
      ...this.waiting,
    };
  }

  /** What is not done or not answered yet. */
  get waiting(): Pick<ServerMeasurements, 'pendingCommands' | 'queues'> {
    const { clients, traffic, peers, replies } = this.#options;
    return {
      pendingCommands: clients.pendingCount,
      queues: {
        traffic: traffic.receiver.buffered,
        peers: peers.waiting,
        replies: replies.waiting,
      },
    };
  }

  /** Takes the sample of messages sent since it was asked last. */
  observe(): ServerObservation {
    const { environment, raft, clients, sampler } = this.#options;
    const electionInMs = raft.role === 'leader' ? null : Math.max(0, raft.deadlineMs - environment.nowMs());
    return {
      ...this.status,
      electionInMs,
      pendingCommands: clients.pendingCount,
      log: logTail(raft),
      members: observedMembers(raft),
      messages: sampler.take(),
    };
  }
}
