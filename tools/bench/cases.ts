/**
 * What the throughput benchmark measures, and in what order: every combination of what its options name.
 *
 * What a case needs of the machine is a {@link Site}. Where there is one of each system, all of them run all the time, and
 * take turns round by round. A sweep over servers, durability, keys or value sizes needs several of the same system. Those
 * would take time from each other even when idle, seven servers 6 % of a core, and unevenly: so each has the machine for
 * itself, is started anew for each round, and the rounds go in turns over the sites. Either way a slow minute of the
 * machine falls on all of them.
 */

import type { Protocol } from './load/dialect.js';
import type { Keyspace, Operation, RoundLimit } from './load/workload.js';
import { PEER_PROTOCOLS, PEER_SERVERS, type Peer, startPeer } from './peers.js';
import { type Durability, openTarget, type Target, type TargetChoice, type Transport } from './target.js';

export interface ThroughputOptions {
  readonly targets: readonly TargetChoice[];
  /** What the targets are spoken to with. */
  readonly protocols: readonly Protocol[];
  /** Measured besides, in turns. The targets must be programs then. */
  readonly peers: readonly Peer[];
  readonly operations: readonly Operation[];
  readonly connections: readonly number[];
  readonly depths: readonly number[];
  readonly keyspaces: readonly Keyspace[];
  readonly limit: RoundLimit;
  readonly rounds: number;
}

export type System = 'threadraft' | Peer;

/** The conditions of one series of rounds. */
export interface Case {
  readonly system: System;
  /** How many servers the system has; undefined where it was not started here, as with the next. */
  readonly servers: number | undefined;
  readonly durability: Durability | undefined;
  readonly transport?: Transport;
  readonly protocol: Protocol;
  readonly operation: Operation;
  readonly connections: number;
  readonly depth: number;
  readonly keys: number;
  readonly valueBytes: number;
}

/** A system with a store of its own, in which every key is written once. */
export interface Site extends Pick<Case, 'system' | 'servers' | 'durability' | 'transport'> {
  readonly protocols: readonly Protocol[];
  readonly keyspace: Keyspace;
  open(): Promise<Target>;
}

/** Sites that run at the same time, and what is measured there in turns. */
export interface Group {
  readonly sites: readonly Site[];
  readonly cases: readonly { readonly site: Site; readonly conditions: Case }[];
}

export interface Plan {
  /** All there are, in the order in which one wants to read of them. */
  readonly cases: readonly Case[];
  readonly groups: readonly Group[];
  /** How often each group is started, in turns. */
  readonly visits: number;
  /** Rounds of each case in a visit, after one to warm up. */
  readonly roundsPerVisit: number;
}

export function planOf(options: ThroughputOptions): Plan {
  const sites = sitesOf(options);
  const cases = options.operations.flatMap((operation) =>
    options.connections.flatMap((connections) =>
      options.depths.flatMap((depth) =>
        sites.flatMap((site) =>
          site.protocols.map((protocol) => ({
            site,
            conditions: conditionsOf(site, { protocol, operation, connections, depth }),
          })),
        ),
      ),
    ),
  );
  const isSweepOfSites = options.targets.length * options.keyspaces.length > 1;
  const together = isSweepOfSites ? sites.map((site) => [site]) : [sites];
  return {
    cases: cases.map(({ conditions }) => conditions),
    groups: together.map((members) => ({
      sites: members,
      cases: cases.filter(({ site }) => members.includes(site)),
    })),
    visits: isSweepOfSites ? options.rounds : 1,
    roundsPerVisit: isSweepOfSites ? 1 : options.rounds,
  };
}

/** Rounds that are run, those for warming up included. */
export function countRounds({ cases, visits, roundsPerVisit }: Plan): number {
  return cases.length * visits * (roundsPerVisit + 1);
}

function sitesOf({ targets, protocols, peers, keyspaces }: ThroughputOptions): Site[] {
  return keyspaces.flatMap((keyspace): Site[] => {
    const own = targets.map((target) => ({ ...siteOf(target), protocols, keyspace }));
    const durabilities = new Set(own.flatMap(({ durability }) => durability ?? []));
    const others = [...durabilities].flatMap((durability) =>
      peers.map((peer) => ({
        system: peer,
        servers: PEER_SERVERS[peer],
        durability,
        protocols: [PEER_PROTOCOLS[peer]],
        keyspace,
        open: () => startPeer(peer, durability),
      })),
    );
    return [...own, ...others];
  });
}

function siteOf(target: TargetChoice): Omit<Site, 'protocols' | 'keyspace'> {
  const { servers, durability } =
    target.type === 'program' ? target : { servers: undefined, durability: undefined };
  const transport = target.type === 'program' && target.transport !== undefined ? target.transport : 'plain';
  return { system: 'threadraft', servers, durability, transport, open: () => openTarget(target) };
}

function conditionsOf(
  { system, servers, durability, transport = 'plain', keyspace: { keys, valueBytes } }: Site,
  load: Pick<Case, 'protocol' | 'operation' | 'connections' | 'depth'>,
): Case {
  return { system, servers, durability, transport, ...load, keys, valueBytes };
}
