import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect } from 'chai';
import { NODE_ENVIRONMENT } from '../../src/environment.js';
import { MemorySocket } from '../../src/gateway/memory-connection.js';
import { MAX_UNWRITTEN_BYTES } from '../../src/limits.js';

describe('a connection in memory', () => {
  let socket: MemorySocket;
  let atGateway: string[];
  let atClient: string[];

  beforeEach(async () => {
    atGateway = [];
    atClient = [];
    socket = new MemorySocket(NODE_ENVIRONMENT, {
      onOpen: () => atClient.push('open'),
      onData: (bytes) => atClient.push(Buffer.from(bytes).toString()),
      onClosed: (reason) => atClient.push(reason.message),
    });
    socket.start({
      onData: (bytes) => atGateway.push(Buffer.from(bytes).toString()),
      onInputEnd: () => atGateway.push('input end'),
      onDrained: () => atGateway.push('drained'),
      onGone: () => atGateway.push('gone'),
    });
    expect(atClient).to.deep.equal([]);
    await nextTurn();
    expect(atClient).to.deep.equal(['open']);
  });

  it('hands over what the client writes at once, and what the gateway writes in an event of its own', async () => {
    socket.client.write(Buffer.from('a'));
    expect(atGateway).to.deep.equal(['a']);
    socket.write(Buffer.from('b'));
    socket.write(Buffer.from('c'));
    expect(atClient).to.deep.equal(['open']);
    await nextTurn();
    expect(atClient).to.deep.equal(['open', 'b', 'c']);
    expect([socket.bytesRead, socket.bytesWritten, socket.unwrittenBytes]).to.deep.equal([1, 2, 0]);
  });

  it('holds what comes while the gateway does not read, in order', async () => {
    socket.pause();
    socket.client.write(Buffer.from('a'));
    expect(socket.client.unwrittenBytes).to.equal(1);
    socket.resume();
    socket.client.write(Buffer.from('b'));
    expect(atGateway).to.deep.equal([]);
    await nextTurn();
    expect(atGateway).to.deep.equal(['a', 'b']);
    expect(socket.client.unwrittenBytes).to.equal(0);
  });

  it('is backed up while the client does not read', async () => {
    socket.client.pause();
    socket.write(Buffer.alloc(MAX_UNWRITTEN_BYTES));
    await nextTurn();
    expect(socket.isBackedUp).to.equal(true);
    expect(atClient).to.deep.equal(['open']);
    socket.client.resume();
    await nextTurn();
    expect(socket.isBackedUp).to.equal(false);
    expect(atGateway).to.deep.equal(['drained']);
    expect(atClient[1]).to.have.lengthOf(MAX_UNWRITTEN_BYTES);
  });

  it('closes once everything is written', async () => {
    socket.write(Buffer.from('last'));
    socket.end();
    socket.write(Buffer.from('too late'));
    await nextTurn();
    expect(atClient).to.deep.equal(['open', 'last', 'the cluster closed the connection']);
    expect(atGateway).to.deep.equal(['gone']);
  });

  it('closes at once when the gateway destroys it, and tells both', async () => {
    socket.write(Buffer.from('lost'));
    socket.destroy();
    await nextTurn();
    expect(atClient).to.deep.equal(['open', 'the cluster closed the connection']);
    expect(atGateway).to.deep.equal(['gone']);
  });

  it('tells the gateway that the client has gone, and the client nothing more', async () => {
    socket.write(Buffer.from('lost'));
    socket.client.destroy();
    socket.client.write(Buffer.from('nothing'));
    await nextTurn();
    socket.destroy();
    await nextTurn();
    expect(atClient).to.deep.equal(['open']);
    expect(atGateway).to.deep.equal(['gone']);
  });
});
