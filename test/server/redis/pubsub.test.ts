/** The limits of SUBSCRIBE, and of what PUBSUB goes through. */

import { expect } from 'chai';
import {
  MAX_SUBSCRIBED_NAME_BYTES,
  MAX_SUBSCRIPTION_BYTES,
  MAX_TOTAL_SUBSCRIPTION_BYTES,
  SUBSCRIPTION_OVERHEAD_BYTES,
} from '../../../src/subscription-limits.js';
import { Leader, resp } from '../../support/server/server-side.js';

const NAME_BYTES = 100;
/** As many names of that length as one connection may have. */
const NAMES_PER_CLIENT = Math.floor(MAX_SUBSCRIPTION_BYTES / (NAME_BYTES + SUBSCRIPTION_OVERHEAD_BYTES));

/** So many names, none of which another client has. */
function names(client: number, count = NAMES_PER_CLIENT): string {
  return Array.from({ length: count }, (_, i) => `${client}-${i}`.padEnd(NAME_BYTES, '.')).join(' ');
}

describe('subscriptions', () => {
  function ask(side: Leader, client: number, command: string): string {
    side.send(client, resp(command));
    return side.turn();
  }

  it('of a connection are limited in bytes, as is each name and each command', () => {
    const side = new Leader();
    expect(ask(side, 1, `SUBSCRIBE ${names(1)}`)).to.contain(`:${NAMES_PER_CLIENT}\r\n`);
    expect(ask(side, 1, `PSUBSCRIBE ${'x'.repeat(NAME_BYTES)}`)).to.match(/^-ERR too many subscriptions/);
    expect(ask(side, 1, 'PING')).to.contain('pong');
    expect(ask(side, 2, `SUBSCRIBE ${'x'.repeat(MAX_SUBSCRIBED_NAME_BYTES)}`)).to.contain(':1\r\n');
    for (const command of ['SUBSCRIBE', 'UNSUBSCRIBE', 'PSUBSCRIBE', 'PUNSUBSCRIBE']) {
      const long = 'x'.repeat(MAX_SUBSCRIBED_NAME_BYTES + 1);
      for (const args of [long, names(2, NAMES_PER_CLIENT + 1)])
        expect(ask(side, 2, `${command} ${args}`)).to.match(/^-ERR too many subscriptions/);
    }
    expect(ask(side, 3, `PUBSUB NUMSUB ${names(2, NAMES_PER_CLIENT + 1)}`)).to.match(/^-ERR/);
  });

  it('of all connections are limited, until some are gone', () => {
    const side = new Leader();
    const clients = Math.floor(MAX_TOTAL_SUBSCRIPTION_BYTES / MAX_SUBSCRIPTION_BYTES);
    let client = 1;
    let reply = '';
    for (; client <= clients + 2 && !reply.startsWith('-'); client += 1)
      reply = ask(side, client, `SUBSCRIBE ${names(client)}`);
    expect(reply).to.match(/^-ERR the connections of this server have too many subscriptions/);
    expect(client).to.be.within(clients, clients + 3);
    expect(ask(side, 1, `UNSUBSCRIBE ${names(1)}`)).to.contain(':0\r\n');
    side.leave(2);
    for (const again of [client, client + 1])
      expect(ask(side, again, `SUBSCRIBE ${names(again)}`)).to.contain(`:${NAMES_PER_CLIENT}\r\n`);
    expect(ask(side, client + 2, `SUBSCRIBE ${names(client + 2)}`)).to.match(/^-ERR/);
  });

  it('are compared with a pattern as long as that does not take too long', () => {
    const side = new Leader();
    for (let client = 1; client <= 50; client += 1) ask(side, client, `SUBSCRIBE ${names(client)}`);
    expect(ask(side, 99, 'PUBSUB CHANNELS 1-7.*')).to.match(/^\*1\r\n/);
    expect(ask(side, 99, `PUBSUB CHANNELS ${'*.'.repeat(60)}x`)).to.match(
      /^-ERR there are too many channels/,
    );
  });
});
