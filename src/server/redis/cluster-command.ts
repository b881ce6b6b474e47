/** CLUSTER: one shard with every slot, whose master is the leader. */

import { createHash } from 'node:crypto';
import type { Args } from '../../protocol/command.js';
import { NO_LEADER, unknownSubcommand, wrongArity } from '../../protocol/resp/error-replies.js';
import { hashSlot, SLOT_COUNT } from '../../protocol/resp/hash-slot.js';
import type { RedisStream } from '../../protocol/resp/redis-stream.js';
import { MapReply, type RespValue, SimpleString, VerbatimText } from '../../protocol/resp/value.js';
import { type RedisAddress, type RedisContext, type RedisMember, replicasOf } from './context.js';

export function cluster([subcommand = '', ...args]: Args, _: RedisStream, context: RedisContext): RespValue {
  const { leader, members, serverId } = context;
  switch (subcommand.toUpperCase()) {
    case 'SLOTS':
      return leader === undefined ? NO_LEADER : [describeSlots(leader, context)];
    case 'SHARDS':
      return [describeShard(context)];
    case 'NODES':
      return new VerbatimText(members.map((member) => `${describeNode(member, context)}\n`).join(''));
    case 'INFO':
      return new VerbatimText(describeCluster(context));
    case 'MYID':
      return nodeId(serverId);
    case 'MYSHARDID':
      return SHARD_ID;
    case 'LINKS':
      return replicasOf(context).flatMap(({ id }) =>
        LINK_DIRECTIONS.map((direction) => describeLink(id, direction)),
      );
    case 'KEYSLOT':
      return args[0] === undefined ? wrongArity('cluster|keyslot') : hashSlot(args[0]);
    case 'HELP':
      return HELP.map((line) => new SimpleString(line));
    default:
      return unknownSubcommand('CLUSTER', subcommand);
  }
}

const HELP = [
  'CLUSTER <subcommand> [<arg> [value] [opt] ...]. Subcommands are:',
  'COUNTKEYSINSLOT <slot>',
  'GETKEYSINSLOT <slot> <count>',
  'INFO',
  'KEYSLOT <key>',
  'LINKS',
  'MYID',
  'MYSHARDID',
  'NODES',
  'SHARDS',
  'SLOTS',
  'HELP',
  '    Print this help.',
];

/** 40 hexadecimal digits, as Redis Cluster has them. */
function nodeId(serverId: number): string {
  return createHash('sha1').update(`threadraft server ${serverId}`).digest('hex');
}

/** There is one shard. */
const SHARD_ID = createHash('sha1').update('threadraft shard').digest('hex');

/** A pair of servers is joined by a channel in either direction, as long as both run. */
const LINK_DIRECTIONS = ['to', 'from'];

function describeLink(id: number, direction: string): RespValue {
  return new MapReply([
    ['direction', direction],
    ['node', nodeId(id)],
    ['create-time', 0],
    ['events', direction === 'to' ? 'w' : 'r'],
    ['send-buffer-allocated', 0],
    ['send-buffer-used', 0],
  ]);
}

/** Client port and cluster bus port are one here: there is no bus. */
function node(id: number, { host, port }: RedisAddress): RespValue[] {
  return [host, port, nodeId(id), new MapReply([])];
}

/** Clients read from the replicas that they are told of here: those that are down are left out, as by Redis. */
function describeSlots(leader: number, context: RedisContext): RespValue {
  const replicas = context.members.filter(({ id, isUp }) => id !== leader && isUp);
  const nodes = replicas.map((member) => node(member.id, member));
  return [0, SLOT_COUNT - 1, node(leader, context.leaderAddress), ...nodes];
}

function describeShard({ leader, members }: RedisContext): RespValue {
  const nodes = members.map(
    ({ id, host, port, isUp }) =>
      new MapReply([
        ['id', nodeId(id)],
        ['port', port],
        ['ip', host],
        ['endpoint', host],
        ['role', id === leader ? 'master' : 'replica'],
        ['replication-offset', 0],
        ['health', isUp ? 'online' : 'failed'],
      ]),
  );
  return new MapReply([
    ['slots', leader === undefined ? [] : [0, SLOT_COUNT - 1]],
    ['nodes', nodes],
  ]);
}

function describeNode({ id, host, port, isUp }: RedisMember, { leader, serverId }: RedisContext): string {
  const role = id === leader ? 'master' : 'slave';
  const flags = `${id === serverId ? 'myself,' : ''}${role}${isUp ? '' : ',fail'}`;
  const link = isUp ? 'connected' : 'disconnected';
  const master = id === leader || leader === undefined ? '-' : nodeId(leader);
  const slots = id === leader ? ` 0-${SLOT_COUNT - 1}` : '';
  return `${nodeId(id)} ${host}:${port}@${port} ${flags} ${master} 0 0 0 ${link}${slots}`;
}

function describeCluster({ leader, members }: RedisContext): string {
  const slots = leader === undefined ? 0 : SLOT_COUNT;
  const lines = [
    `cluster_state:${leader === undefined ? 'fail' : 'ok'}`,
    `cluster_slots_assigned:${slots}`,
    `cluster_slots_ok:${slots}`,
    'cluster_slots_pfail:0',
    'cluster_slots_fail:0',
    `cluster_known_nodes:${members.length}`,
    'cluster_size:1',
  ];
  return lines.map((line) => `${line}\r\n`).join('');
}
