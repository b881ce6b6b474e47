/** The bodies of the calls that change something, and what is wrong with a body that is refused. */

import {
  array,
  type GenericSchema,
  gtValue,
  type InferOutput,
  maxValue,
  minValue,
  nonEmpty,
  nullish,
  number,
  object,
  optional,
  picklist,
  pipe,
  safeInteger,
  safeParse,
  strictTuple,
  string,
  unknown,
  variant,
} from 'valibot';
import { MAX_LOAD_PER_S, MAX_SERVER_PAUSE_MS } from './admin-limits.js';
import { HttpError } from './http-error.js';

/** What a field must be, by its name. */
const FORMS: ReadonlyMap<unknown, string> = new Map([
  ['durationMs', `durationMs must be a number of ms up to ${MAX_SERVER_PAUSE_MS}`],
  ['requestsPerS', `requestsPerS must be a number from 0 to ${MAX_LOAD_PER_S}`],
  ['command', 'command must be one of get, set, cas and delete'],
  ['key', 'key must be a string'],
  ['value', 'value must be a string'],
  ['exptimeS', 'exptimeS must be a whole number, 0 or more'],
  ['version', 'version must be a whole number, 0 or more'],
  ['groups', 'groups must be lists of server numbers, such as { "groups": [[0], [1, 2]] }'],
  ['voters', 'voters must be a list of server numbers, such as { "voters": [0, 1, 3] }'],
  ['dataDir', 'dataDir must be the name of a directory'],
  ['from', 'from and to must be server numbers'],
  ['to', 'from and to must be server numbers'],
  ['dropRate', 'dropRate must be a number from 0 to 1'],
  ['delayMs', 'delayMs must be a range in ms, such as [5, 20]'],
]);

const wholeNumber = pipe(number(), safeInteger(), minValue(0));

/** Any body, or none. */
export const anything = unknown();

/** `{ "durationMs": 1000 }` */
export const pause = object({ durationMs: pipe(number(), gtValue(0), maxValue(MAX_SERVER_PAUSE_MS)) });

/** `{ "requestsPerS": 1000 }`, 0 for none */
export const load = object({ requestsPerS: pipe(number(), minValue(0), maxValue(MAX_LOAD_PER_S)) });

/** `{ "command": "cas", "key": "a", "value": "b", "exptimeS": 0, "version": 1 }`, with the fields of that command */
export const command = variant('command', [
  object({ command: picklist(['get', 'delete']), key: string() }),
  object({ command: picklist(['set']), key: string(), value: string(), exptimeS: nullish(wholeNumber, 0) }),
  object({
    command: picklist(['cas']),
    key: string(),
    value: string(),
    exptimeS: nullish(wholeNumber, 0),
    version: wholeNumber,
  }),
]);

/** `{ "groups": [[0], [1, 2]] }` */
export const partition = object({ groups: array(array(number())) });

/** `{ "voters": [0, 1, 3] }` */
export const members = object({ voters: array(number()) });

/** `{ "dataDir": "/disk3/data" }`, or nothing: where a new server keeps its data */
export const place = object({ dataDir: optional(pipe(string(), nonEmpty())) });

/** `{ "from": 0, "to": 1, "dropRate": 0.1, "delayMs": [5, 20] }` */
export const link = object({
  from: number(),
  to: number(),
  dropRate: nullish(number(), 0),
  delayMs: nullish(strictTuple([number(), number()]), [0, 0]),
});

/** The value that the body holds. Throws HttpError 400 that says what the first wrong field must be. */
export function readBody<S extends GenericSchema>(schema: S, body: unknown): InferOutput<S> {
  const fields = typeof body === 'object' && body !== null ? body : {};
  const result = safeParse(schema, fields, { abortEarly: true });
  if (result.success) return result.output;
  const [{ path, message }] = result.issues;
  throw new HttpError(400, FORMS.get(path?.[0].key) ?? message);
}
