/**
 * Lines of HTTP, which close a connection: a web page can have a browser send one to any port, with commands in its body.
 */

const SPACE = 0x20;
const LOWER_CASE = 0x20;
const ZERO = 0x30;
const ONE = 0x31;
const VERSION = Buffer.from('http/1.');
const POST = Buffer.from('post ');
const HOST = Buffer.from('host:');

/** Whether the line in [start, end) of the buffer, its line break left out, is one of an HTTP request. */
export function isHttpLine(buffer: Buffer, start: number, end: number): boolean {
  let last = end - 1;
  while (last > start && buffer[last] === SPACE) last -= 1;
  const digit = buffer[last];
  if ((digit === ONE || digit === ZERO) && has(buffer, VERSION, last - VERSION.length, start)) return true;
  return beginsHttp(buffer, start);
}

/** Whether a line that begins there, and whose end is not known, can be one of an HTTP request. */
export function beginsHttp(buffer: Buffer, start: number): boolean {
  let first = start;
  while (buffer[first] === SPACE) first += 1;
  return has(buffer, POST, first, start) || has(buffer, HOST, first, start);
}

/** Whether the word, which is in small letters, stands there in small or capital ones. */
function has(buffer: Buffer, word: Buffer, at: number, start: number): boolean {
  if (at < start) return false;
  for (let i = 0; i < word.length; i += 1) {
    const byte = buffer[at + i] ?? 0;
    if (byte !== word[i] && (byte | LOWER_CASE) !== word[i]) return false;
  }
  return true;
}
