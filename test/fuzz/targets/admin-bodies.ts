/** The bodies of the admin API's calls: a wrong one is refused in one line, a good one has the form that it is read as. */

import * as bodies from '../../../src/admin/bodies.js';
import { HttpError } from '../../../src/admin/http-error.js';
import { promise, type Target } from '../target.js';

const SCHEMAS = [bodies.pause, bodies.load, bodies.command, bodies.partition, bodies.members, bodies.link];
const BAD_REQUEST = 400;

export const adminBodies: Target = {
  name: 'admin-bodies',
  seeds: [
    { durationMs: 1_000 },
    { requestsPerS: 10 },
    { command: 'cas', key: 'a', value: 'b', exptimeS: 0, version: 1 },
    { groups: [[0], [1, 2]] },
    { voters: [0, 1, 3] },
    { from: 0, to: 1, dropRate: 0.1, delayMs: [5, 20] },
  ].map((body) => Buffer.from(JSON.stringify(body))),
  words: [
    '"durationMs":',
    '"command":',
    '"get"',
    '"key":',
    'null',
    '[]',
    '{}',
    '1e999',
    '-0',
    '"__proto__":',
    '[[',
    ']]',
  ],
  maxBytes: 1_024,
  run(input) {
    const body = parsed(Buffer.from(input).toString());
    for (const schema of SCHEMAS) {
      try {
        bodies.readBody(schema, body);
      } catch (error) {
        if (!(error instanceof HttpError)) throw error;
        promise(error.status === BAD_REQUEST, () => `status ${error.status}`);
        promise(!/[\r\n]/.test(error.message), () => `more than a line: ${error.message}`);
      }
    }
  },
};

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
