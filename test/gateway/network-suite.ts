/**
 * What src/gateway/network.ts promises, as tests that every implementation passes.
 */

import { expect } from 'chai';
import type { Network, NetworkListener, NetworkSocket } from '../../src/gateway/network.js';
import { MAX_UNWRITTEN_BYTES } from '../../src/limits.js';
import type { ClientAddress } from '../../src/wire/control.js';

/** The other end of a connection. */
export interface Peer {
  /** Everything it has read. */
  readonly received: Uint8Array;
  /** It has read the end of the stream, or found the connection closed. */
  readonly hasEnded: boolean;
  send(bytes: Uint8Array): void;
  /** Sends no more, and goes on reading. */
  end(): void;
  /** Goes away without a word of farewell. */
  reset(): void;
  stopReading(): void;
  readOn(): void;
}

/** A network, and what a test does from outside of it. */
export interface NetworkUnderTest {
  readonly network: Network;
  /** Rejects when the connection is refused. */
  connect(address: ClientAddress): Promise<Peer>;
  /** Lets time pass until the condition holds. Rejects with the description when it never does. */
  until(description: string, condition: () => boolean): Promise<void>;
  /** Lets pass whatever is on its way. */
  settle(): Promise<void>;
  /** Closes what the test has left open. */
  clear(): Promise<void>;
}

const ANY_PORT: ClientAddress = { host: '127.0.0.1', port: 0 };

/** One socket with all that it told, one line an event. */
class Recorded {
  readonly socket: NetworkSocket;
  readonly events: string[] = [];
  /** Copies of what was handed out. */
  readonly chunks: Uint8Array[] = [];
  /** Events that came from within a call of ours. */
  readonly reentrant: string[] = [];
  onData: () => void = () => {};
  #isCalling = false;

  constructor(socket: NetworkSocket) {
    this.socket = socket;
    socket.start({
      onData: (bytes) => {
        this.chunks.push(Uint8Array.from(bytes));
        this.#record('data');
        this.onData();
      },
      onInputEnd: () => this.#record('end'),
      onDrained: () => this.#record('drained'),
      onGone: () => this.#record('gone'),
    });
  }

  get received(): Uint8Array {
    return Buffer.concat(this.chunks);
  }

  get text(): string {
    return Buffer.from(this.received).toString('latin1');
  }

  /** How many such events there were. */
  count(event: string): number {
    return this.events.filter((one) => one === event).length;
  }

  /** Calls a method, during which nothing may be told. */
  call(method: (socket: NetworkSocket) => void): void {
    this.#isCalling = true;
    method(this.socket);
    this.#isCalling = false;
  }

  #record(event: string): void {
    this.events.push(event);
    if (this.#isCalling) this.reentrant.push(event);
  }
}

interface Pair {
  readonly client: Recorded;
  readonly peer: Peer;
}

/** Declares the tests; `make` is called for each of them. */
export function describeNetwork(name: string, make: () => NetworkUnderTest): void {
  describe(`the network of ${name}`, () => {
    let world: NetworkUnderTest;
    let accepted: Recorded[] = [];
    let listeners: NetworkListener[] = [];

    beforeEach(() => {
      world = make();
    });

    afterEach(async () => {
      for (const { socket } of accepted) socket.destroy();
      for (const listener of listeners) listener.close();
      accepted = [];
      listeners = [];
      await world.clear();
    });

    async function listen(address: ClientAddress = ANY_PORT): Promise<NetworkListener> {
      const listener = await world.network.listen(address, (socket) => {
        accepted.push(new Recorded(socket));
      });
      listeners.push(listener);
      return listener;
    }

    /** Both ends of a connection. */
    async function pair(): Promise<Pair> {
      const listener = await listen();
      return connectTo(listener);
    }

    async function connectTo({ address }: NetworkListener): Promise<Pair> {
      const before = accepted.length;
      const peer = await world.connect(address);
      await world.until('the connection is accepted', () => accepted.length > before);
      const client = accepted[before];
      if (client === undefined) throw new Error('there is no such client');
      return { client, peer };
    }

    /** Writes until the socket is backed up; returns how much. */
    async function backUp(client: Recorded, peer: Peer): Promise<number> {
      peer.stopReading();
      let written = 0;
      await world.until('the socket is backed up', () => {
        if (client.socket.unwrittenBytes < MAX_UNWRITTEN_BYTES) {
          client.call((socket) => socket.write(new Uint8Array(MAX_UNWRITTEN_BYTES)));
          written += MAX_UNWRITTEN_BYTES;
        }
        return client.socket.unwrittenBytes >= MAX_UNWRITTEN_BYTES;
      });
      await world.settle();
      // The operating system may have taken it meanwhile.
      return client.socket.unwrittenBytes >= MAX_UNWRITTEN_BYTES
        ? written
        : written + (await backUp(client, peer));
    }

    it('hands out what a client sends, in order, and counts it', async () => {
      const { client, peer } = await pair();
      const sent = Uint8Array.from({ length: 300_000 }, (_, at) => at % 251);
      peer.send(sent.subarray(0, 100));
      await world.until('the first bytes', () => client.received.byteLength === 100);
      peer.send(sent.subarray(100));
      await world.until('all bytes', () => client.received.byteLength === sent.byteLength);
      expect(Buffer.compare(client.received, sent)).to.equal(0);
      expect(client.socket.bytesRead).to.equal(sent.byteLength);
      expect(client.chunks.every(({ byteLength }) => byteLength > 0)).to.equal(true);
    });

    it('hands out each client’s bytes, whatever the others send', async () => {
      const listener = await listen();
      const pairs: Pair[] = [];
      for (let value = 1; value <= 3; value += 1) pairs.push(await connectTo(listener));
      for (const [value, { peer }] of pairs.entries()) peer.send(new Uint8Array(200_000).fill(value));
      await world.until('all bytes', () =>
        pairs.every(({ client }) => client.received.byteLength === 200_000),
      );
      for (const [value, { client }] of pairs.entries())
        expect(client.received.every((byte) => byte === value)).to.equal(true);
    });

    it('hands out nothing while the socket is paused, and all of it afterwards', async () => {
      const { client, peer } = await pair();
      client.call((socket) => socket.pause());
      client.call((socket) => socket.pause());
      peer.send(Buffer.from('late'));
      peer.end();
      await world.settle();
      expect(client.events).to.deep.equal([]);
      client.call((socket) => socket.resume());
      await world.until('the end', () => client.events.includes('end'));
      expect(client.text).to.equal('late');
      expect(client.reentrant).to.deep.equal([]);
    });

    it('hands out no more in the event in which the socket is paused', async () => {
      const { client, peer } = await pair();
      client.onData = () => client.socket.pause();
      const sent = new Uint8Array(1024 * 1024);
      peer.send(sent);
      await world.until('the first bytes', () => client.chunks.length > 0);
      await world.settle();
      expect(client.chunks).to.have.length(1);
      await world.until('all bytes', () => {
        const { length } = client.chunks;
        client.call((socket) => socket.resume());
        return client.received.byteLength === sent.byteLength || client.chunks.length > length;
      });
      client.onData = () => {};
      client.socket.resume();
      await world.until('all bytes', () => client.received.byteLength === sent.byteLength);
      expect(client.reentrant).to.deep.equal([]);
    });

    it('tells of the end of input once, after which replies are still written', async () => {
      const { client, peer } = await pair();
      peer.send(Buffer.from('last'));
      peer.end();
      await world.until('the end', () => client.events.includes('end'));
      expect(client.text).to.equal('last');
      client.call((socket) => socket.write(Buffer.from('reply')));
      await world.until('the reply', () => peer.received.byteLength === 5);
      expect(peer.hasEnded).to.equal(false);
      expect(client.count('end')).to.equal(1);
      expect(client.count('gone')).to.equal(0);
    });

    it('writes in order, also from within a callback, and counts it', async () => {
      const { client, peer } = await pair();
      client.onData = () => {
        client.socket.write(Buffer.from('one '));
        client.socket.write(Buffer.from('two'));
      };
      peer.send(Buffer.from('?'));
      await world.until('the replies', () => peer.received.byteLength === 7);
      expect(Buffer.from(peer.received).toString()).to.equal('one two');
      expect(client.socket.bytesWritten).to.equal(7);
      expect(client.socket.unwrittenBytes).to.equal(0);
    });

    it('is backed up while a client does not read, and tells once it has caught up', async () => {
      const { client, peer } = await pair();
      const written = await backUp(client, peer);
      expect(client.socket.isBackedUp).to.equal(true);
      const drained = client.count('drained');
      await world.settle();
      expect(client.count('drained')).to.equal(drained);

      peer.readOn();
      await world.until('it is drained', () => client.count('drained') > drained);
      expect(client.socket.unwrittenBytes).to.equal(0);
      expect(client.socket.isBackedUp).to.equal(false);
      await world.until('all was read', () => peer.received.byteLength === written);
      expect(client.reentrant).to.deep.equal([]);
    });

    it('closes once everything is written, also while it is paused', async () => {
      const { client, peer } = await pair();
      client.socket.pause();
      const written = await backUp(client, peer);
      client.call((socket) => socket.write(Buffer.from('bye')));
      client.call((socket) => socket.end());
      client.call((socket) => socket.end());
      client.call((socket) => socket.write(Buffer.from('too late')));
      await world.settle();
      expect(client.count('gone')).to.equal(0);

      peer.readOn();
      await world.until('both ends know', () => peer.hasEnded && client.count('gone') > 0);
      await world.settle();
      expect(peer.received.byteLength).to.equal(written + 3);
      expect(Buffer.from(peer.received.subarray(written)).toString()).to.equal('bye');
      expect(client.count('gone')).to.equal(1);
      expect(client.events.at(-1)).to.equal('gone');
      expect(client.reentrant).to.deep.equal([]);
    });

    it('closes at once when the socket is destroyed', async () => {
      const { client, peer } = await pair();
      peer.send(Buffer.from('unheard'));
      client.call((socket) => socket.destroy());
      client.call((socket) => socket.destroy());
      client.call((socket) => socket.write(Buffer.from('too late')));
      client.call((socket) => socket.end());
      await world.until('both ends know', () => peer.hasEnded && client.count('gone') > 0);
      await world.settle();
      expect(client.events).to.deep.equal(['gone']);
      expect(peer.received.byteLength).to.equal(0);
      expect(client.reentrant).to.deep.equal([]);
    });

    it('tells when a client has gone', async () => {
      const { client, peer } = await pair();
      peer.reset();
      await world.until('it is gone', () => client.count('gone') > 0);
      await world.settle();
      expect(client.count('gone')).to.equal(1);
      expect(client.events.at(-1)).to.equal('gone');
    });

    it('refuses a port that is in use, by the code of the operating system', async () => {
      const { address } = await listen();
      expect(address.port).to.be.greaterThan(0);
      const error = await listen(address).catch((reason: unknown) => reason);
      expect(error).to.be.an('error').with.property('code', 'EADDRINUSE');
    });

    it('refuses clients once the listener is closed, and keeps those it has', async () => {
      const listener = await listen();
      const { client, peer } = await connectTo(listener);
      listener.close();
      listener.close();
      const refusal = await world.connect(listener.address).catch((reason: unknown) => reason);
      expect(refusal).to.be.an('error');
      peer.send(Buffer.from('still here'));
      await world.until('what the client sent', () => client.text === 'still here');
      await listen(listener.address);
    });
  });
}
