import { once } from 'node:events';
import { Socket } from 'node:net';
import { expect } from 'chai';
import { MAX_ADMIN_CALLS } from '../../src/admin/admin-limits.js';
import { Admission } from '../../src/admin/admission.js';
import { endOfTurn, NODE_ENVIRONMENT } from '../../src/environment.js';

describe('the admission of admin calls', () => {
  const never = new Promise<void>(() => {});

  it('serves others while clients do not read their answers', async () => {
    const admission = new Admission();
    for (let n = 0; n < MAX_ADMIN_CALLS; n += 1)
      void admission.serve(new Socket(), {
        call: async () => {},
        answered: () => never,
        countsAmongAll: true,
      });
    let isServed = false;
    void admission.serve(new Socket(), {
      call: async () => {
        isServed = true;
      },
      answered: () => never,
      countsAmongAll: true,
    });
    await endOfTurn(NODE_ENVIRONMENT);
    expect(isServed).to.equal(true);
  });

  it('serves no second call of a connection before the first is answered', async () => {
    const admission = new Admission();
    const socket = new Socket();
    let served = 0;
    const call = async () => {
      served += 1;
    };
    void admission.serve(socket, { call, answered: () => never, countsAmongAll: true });
    void admission.serve(socket, { call, answered: () => never, countsAmongAll: true });
    await endOfTurn(NODE_ENVIRONMENT);
    expect(served).to.equal(1);
    socket.destroy();
    await once(socket, 'close');
  });

  it('does no call of a connection that was closed while it waited', async () => {
    const admission = new Admission();
    const socket = new Socket();
    let answer = () => {};
    const answered = new Promise<void>((resolve) => {
      answer = resolve;
    });
    void admission.serve(socket, { call: async () => {}, answered: () => answered, countsAmongAll: true });
    let isServed = false;
    const second = admission.serve(socket, {
      call: async () => {
        isServed = true;
      },
      answered: () => never,
      countsAmongAll: true,
    });
    socket.destroy();
    answer();
    await second;
    expect(isServed).to.equal(false);
  });
});
