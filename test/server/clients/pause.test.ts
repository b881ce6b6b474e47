import { expect } from 'chai';
import { AT_COMMAND_START } from '../../../src/protocol/checkpoint.js';
import type { Request } from '../../../src/protocol/request.js';
import {
  ClientConnection,
  type PendingCommand,
  TotalUnread,
} from '../../../src/server/clients/client-connection.js';
import { Pause } from '../../../src/server/clients/pause.js';
import { opening } from '../../support/client-frames.js';
import { Leader, set } from '../../support/server/server-side.js';

describe('a pause', () => {
  it('that is longer holds when a shorter one follows, but not once it was ended', () => {
    const pause = new Pause();
    expect(pause.isOn).to.equal(false);
    pause.begin(1_000, { holdsAll: false });
    pause.begin(500, { holdsAll: false });
    expect(pause.deadlineMs).to.equal(1_000);
    pause.end();
    expect(pause.deadlineMs).to.be.at.most(1);
    pause.takeOver(10);
    expect(pause.isOn).to.equal(false);
    pause.begin(500, { holdsAll: false });
    expect(pause.deadlineMs).to.equal(500);
  });

  it('that is ended and begun anew in one turn is as short as the new one', () => {
    const pause = new Pause();
    pause.begin(1_000, { holdsAll: true });
    pause.end();
    pause.begin(500, { holdsAll: false });
    expect(pause.deadlineMs).to.equal(500);
    expect(pause.holdsReads).to.equal(false);
  });

  it('of all commands keeps each of a connection, in their order', () => {
    const pause = new Pause();
    pause.begin(1_000, { holdsAll: true });
    const commands = ['a', 'b', 'c'].map((key) => pending({ type: 'get', key }));
    for (const command of commands) expect(pause.hold(command)).to.equal(true);
    expect(pause.takeOver(1_000)).to.deep.equal(commands);
    expect(client.isPaused).to.equal(false);
  });

  it('of writes keeps what comes after a write of the same connection', () => {
    const pause = new Pause();
    pause.begin(1_000, { holdsAll: false });
    const commands = [
      pending({ type: 'delete', key: 'k', noreply: false }),
      pending({ type: 'get', key: 'k' }),
    ];
    for (const command of commands) expect(pause.hold(command)).to.equal(true);
    expect(pause.takeAll()).to.deep.equal(commands);
  });

  it('is confirmed once the writes before it are over: none of them is acknowledged later', () => {
    const leader = new Leader();
    leader.send(1, set('k', 'v'));
    leader.ask('PAUSE', '60000', 'WRITE');
    leader.turn();
    leader.turn();
    expect(leader.answers, 'while a write waits for a majority').to.equal(0);
    leader.acknowledge();
    expect(leader.toldTo(1)).to.equal('OK 1\r\n');
    leader.turn();
    expect(leader.answers).to.equal(1);
  });

  const client = new ClientConnection(1, opening(1), new TotalUnread(), 0);

  function pending(request: Request): PendingCommand {
    return {
      client,
      request,
      endOffset: 0,
      at: AT_COMMAND_START,
      takenAtMs: 0,
      asOfMs: undefined,
      reservedBytes: 0,
      pendingUnits: 0,
      isElsewhere: false,
      isSilenced: false,
      isAnswered: false,
      isAsked: false,
    };
  }
});
