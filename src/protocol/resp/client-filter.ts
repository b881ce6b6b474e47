/** Which connections CLIENT LIST and CLIENT KILL mean. */

import type { Args } from '../command.js';
import { type ClientFacts, isSubscribed } from './client-facts.js';
import { SYNTAX_ERROR } from './error-replies.js';
import { parseSafeInteger } from './numbers.js';
import { ErrorReply } from './value.js';

export type ClientFilter = (facts: ClientFacts) => boolean;

const INVALID_ID = new ErrorReply('ERR Invalid client ID');
const ID_NOT_POSITIVE = new ErrorReply('ERR client-id should be greater than 0');

const nobody = () => false;

const TYPES = new Map<string, ClientFilter>([
  ['normal', (facts) => !isSubscribed(facts)],
  ['master', nobody],
  ['slave', nobody],
  ['replica', nobody],
  ['pubsub', isSubscribed],
]);

/** @param args the arguments after LIST */
export function listFilter(args: Args): ClientFilter | ErrorReply {
  const [option, first] = args;
  if (option === undefined) return () => true;
  const values = args.slice(1);
  if (first === undefined) return SYNTAX_ERROR;
  switch (option.toUpperCase()) {
    case 'TYPE':
      return values.length === 1 ? typeFilter(first) : SYNTAX_ERROR;
    case 'ID': {
      for (const value of values) if (parseSafeInteger(value) === undefined) return INVALID_ID;
      let wanted: Set<number> | undefined;
      return ({ id }) => {
        wanted ??= new Set(values.map(Number));
        return wanted.has(id);
      };
    }
    default:
      return SYNTAX_ERROR;
  }
}

/**
 * @param args those after KILL
 * @param own the connection that asks
 */
export function killFilter(args: Args, own: number): ClientFilter | ErrorReply {
  const [address] = args;
  if (args.length === 1) return ({ from }) => from === address;
  /** By option and value: what is said again and again costs as much as once. */
  const filters = new Map<string, ClientFilter>();
  let skipsOwn = true;
  for (let at = 0; at < args.length; at += 2) {
    const value = args[at + 1];
    if (value === undefined) return SYNTAX_ERROR;
    const option = args[at]?.toUpperCase();
    if (option === 'SKIPME') {
      if (!/^(?:yes|no)$/i.test(value)) return SYNTAX_ERROR;
      skipsOwn = value.toLowerCase() === 'yes';
      continue;
    }
    const filter = filterOf(option, value);
    if (filter instanceof ErrorReply) return filter;
    filters.set(`${option} ${value}`, filter);
  }
  const all = [...filters.values()];
  return (facts) => !(skipsOwn && facts.id === own) && all.every((filter) => filter(facts));
}

function filterOf(option: string | undefined, value: string): ClientFilter | ErrorReply {
  switch (option) {
    case 'ID': {
      const wanted = parseSafeInteger(value);
      if (wanted === undefined || wanted < 1) return ID_NOT_POSITIVE;
      return ({ id }) => id === wanted;
    }
    case 'ADDR':
      return ({ from }) => from === value;
    case 'LADDR':
      return ({ reached }) => reached === value;
    case 'TYPE':
      return typeFilter(value);
    case 'USER':
      return value === 'default' ? () => true : new ErrorReply(`ERR No such user '${value}'`);
    default:
      return SYNTAX_ERROR;
  }
}

function typeFilter(name: string): ClientFilter | ErrorReply {
  return TYPES.get(name.toLowerCase()) ?? new ErrorReply(`ERR Unknown client type '${name}'`);
}
