/** Values that tell who wrote them, each once, some of them long. */

const LONG_EVERY = 40;
const LONG_CHARS = 20_000;

/** What a client writes as its `count`-th value; short, so that a history stays small. */
export function valueName(client: number, count: number): string {
  return `c${client}-${count}`;
}

/** The bytes, one per character, that stand for it. */
export function bytesOf(name: string): string {
  const count = Number(name.slice(name.indexOf('-') + 1));
  return `${name}.`.padEnd(count % LONG_EVERY === 0 ? LONG_CHARS : 0, '.');
}

/** The name that the bytes stand for; for bytes that nobody can have written, such as half a value, a name of their own. */
export function nameOf(bytes: string): string {
  const name = bytes.slice(0, bytes.indexOf('.'));
  return bytesOf(name) === bytes ? name : `torn: ${bytes.length} bytes, ${bytes.slice(0, 40)}`;
}
