/** What a client of a simulated cluster with a password says first, and what it is told. */

import type { Random } from '../../../tools/support/random.js';
import { type Command, FINE, NOT_DONE, type Verdict, WRONG } from './command.js';
import type { Reply } from './replies.js';
import { respCommand, respSet } from './resp-commands.js';
import { textCommand, textSet } from './text-commands.js';

export const PASSWORD = 'open-sesame';

/** How often a client writes before it has told the password, tells a wrong one first, or tells it by HELLO. */
const EARLY_RATE = 0.3;
const WRONG_RATE = 0.05;
const HELLO_RATE = 0.3;

interface Newcomer {
  readonly protocol: 'text' | 'resp';
  readonly random: Random;
  readonly key: string;
  readonly newValue: () => string;
}

/** The commands in their order: the last tells the password. */
export function admission({ protocol, random, key, newValue }: Newcomer): Command[] {
  const isText = protocol === 'text';
  const commands: Command[] = [];
  if (random.chance(EARLY_RATE)) {
    const write = isText ? textSet({ key, value: newValue() }) : respSet(key, newValue());
    commands.push({ ...write, judge: judgeEarly });
  }
  const tell = isText ? textAuth : random.chance(HELLO_RATE) ? respHello : respAuth;
  if (random.chance(WRONG_RATE))
    commands.push(tell(`${PASSWORD}?`, (reply) => (isRefusal(reply) || isUndone(reply) ? FINE : WRONG)));
  commands.push(tell(PASSWORD, judgeRight));
  return commands;
}

/** Of Redis's protocol: after it the password is due again. */
export function respReset(): Command {
  return respCommand(['RESET'], undefined, (reply) =>
    isUndone(reply) || (reply.type === 'status' && reply.text === 'RESET') ? FINE : WRONG,
  );
}

type Judge = (reply: Reply) => Verdict;

function textAuth(password: string, judge: Judge): Command {
  return { ...textCommand(`auth ${password}`, judge), judge };
}

function respAuth(password: string, judge: Judge): Command {
  return { ...respCommand(['AUTH', password], undefined, judge), judge };
}

function respHello(password: string, judge: Judge): Command {
  return { ...respCommand(['HELLO', '2', 'AUTH', 'default', password], undefined, judge), judge };
}

/** Nothing is done before the password is told, by whoever would have had to lead. */
function judgeEarly(reply: Reply): Verdict {
  return isUnauthenticated(reply) || isUndone(reply) ? NOT_DONE : WRONG;
}

function judgeRight(reply: Reply): Verdict {
  if (isUndone(reply)) return NOT_DONE;
  return (reply.type === 'status' && reply.text === 'OK') || reply.type === 'list' ? FINE : WRONG;
}

function isUnauthenticated(reply: Reply): boolean {
  return reply.type === 'error' && (reply.text === 'ERR_AUTH' || reply.text.startsWith('NOAUTH '));
}

function isRefusal(reply: Reply): boolean {
  return reply.type === 'error' && (reply.text === 'ERR_AUTH' || reply.text.startsWith('WRONGPASS '));
}

/** No leader took it. */
function isUndone(reply: Reply): boolean {
  return reply.type === 'error' && (reply.text === 'ERR_INTERNAL' || reply.text.startsWith('CLUSTERDOWN '));
}
