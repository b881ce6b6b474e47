/** Patterns of KEYS and SCAN: the answer is that of the plain definition, and is found in a bounded number of steps. */

import { matchesGlob } from '../../../src/state-machine/redis/glob.js';
import { promise, type Target } from '../target.js';

/** Between the pattern and the text. */
const SEPARATOR = 0x0a;
/** The plain definition takes exponential time. */
const MAX_PLAIN_STARS = 3;
const MAX_PLAIN_CHARS = 24;

export const glob: Target = {
  name: 'glob',
  seeds: [
    'h?llo\nhello',
    'h[^e]llo\nhallo',
    'h*o*\nhello',
    'a\\*b\na*b',
    '[a-c]*[!]\nb!',
    '*a*a*a*b\naaaaaaaaaaaa',
  ].map((text) => Buffer.from(text)),
  words: ['*', '?', '[', ']', '[^', '\\', '-', 'aaaaaaaa', '**'],
  maxBytes: 160,
  run(input) {
    const all = Buffer.from(input).toString('latin1');
    const at = all.indexOf(String.fromCharCode(SEPARATOR));
    const [pattern, text] = at === -1 ? [all, all] : [all.slice(0, at), all.slice(at + 1)];
    const isMatch = matchesGlob(pattern, text);
    promise(!/^\*+$/.test(pattern) || isMatch, () => 'a star does not match');
    if (!/[*?[\]\\]/.test(pattern))
      promise(isMatch === (pattern === text), () => 'a word does not match itself alone');
    const stars = pattern.split('*').length - 1;
    if (stars > MAX_PLAIN_STARS || text.length > MAX_PLAIN_CHARS || /[[\]\\]/.test(pattern)) return;
    promise(isMatch === plainMatch(pattern, text), () => `${pattern} matches ${text}: ${isMatch}`);
  },
};

/** Stars and question marks, by the definition. */
function plainMatch(pattern: string, text: string): boolean {
  if (pattern === '') return text === '';
  const [first] = pattern;
  const rest = pattern.slice(1);
  if (first === '*') return plainMatch(rest, text) || (text !== '' && plainMatch(pattern, text.slice(1)));
  return text !== '' && (first === '?' || first === text[0]) && plainMatch(rest, text.slice(1));
}
