/**
 * Inline commands, as somebody types them: words with spaces between them, and quotes around words that hold spaces.
 */

/** A zero byte ends the line, as in Redis. */
const SPACES = new Set([' ', '\n', '\r', '\t', '\v', '\f']);
/** Of those, what ends a word that has begun: the others are part of it. */
const WORD_ENDS = new Set([' ', '\n', '\r', '\t']);
const ESCAPES = new Map([
  ['n', '\n'],
  ['r', '\r'],
  ['t', '\t'],
  ['b', '\b'],
  ['a', '\x07'],
]);
const WORD_CHARACTERS = /[^ \n\r\t"']+/y;
const HEX_BYTE = /^x[0-9a-f]{2}/i;

/**
 * The words of a line, one character per byte. In double quotes a backslash is followed by a letter for a control
 * character, by `x` and two hexadecimal digits, or by a character as it is. In single quotes only `\'` is an escape. Undefined
 * if a quote is not closed, or is followed by another character than a space.
 */
export function splitInline(text: string): string[] | undefined {
  const [line = ''] = text.split('\0', 1);
  const words: string[] = [];
  let at = 0;
  while (true) {
    while (at < line.length && isSpace(line, at)) at += 1;
    if (at >= line.length) return words;
    const word = readWord(line, at);
    if (word === undefined) return undefined;
    words.push(word.text);
    at = word.end;
  }
}

interface Word {
  readonly text: string;
  readonly end: number;
}

function readWord(line: string, start: number): Word | undefined {
  let text = '';
  let at = start;
  while (at < line.length && !WORD_ENDS.has(line[at] ?? '')) {
    const character = line[at] ?? '';
    if (character !== '"' && character !== "'") {
      WORD_CHARACTERS.lastIndex = at;
      const [run = ''] = WORD_CHARACTERS.exec(line) ?? [];
      text += run;
      at += run.length;
      continue;
    }
    const quoted = character === '"' ? readDoubleQuoted(line, at + 1) : readSingleQuoted(line, at + 1);
    if (quoted === undefined || (quoted.end < line.length && !isSpace(line, quoted.end))) return undefined;
    return { text: text + quoted.text, end: quoted.end };
  }
  return { text, end: at };
}

/** @param start after the opening quote; the end is after the closing quote */
function readDoubleQuoted(line: string, start: number): Word | undefined {
  let text = '';
  for (let at = start; at < line.length; at += 1) {
    const character = line[at] ?? '';
    if (character === '"') return { text, end: at + 1 };
    if (character !== '\\' || at + 1 === line.length) {
      text += character;
      continue;
    }
    at += 1;
    const escaped = line[at] ?? '';
    if (HEX_BYTE.test(line.slice(at, at + 3))) {
      text += String.fromCharCode(Number.parseInt(line.slice(at + 1, at + 3), 16));
      at += 2;
    } else text += ESCAPES.get(escaped) ?? escaped;
  }
  return undefined;
}

function readSingleQuoted(line: string, start: number): Word | undefined {
  let text = '';
  for (let at = start; at < line.length; at += 1) {
    const character = line[at] ?? '';
    if (character === "'") return { text, end: at + 1 };
    if (character === '\\' && line[at + 1] === "'") at += 1;
    text += line[at] ?? '';
  }
  return undefined;
}

function isSpace(line: string, at: number): boolean {
  return SPACES.has(line[at] ?? '');
}
