/**
 * Redis's patterns: `*`, `?`, `[a-c]`, `[^x]`, and a backslash before what is meant as it is.
 */

/** Whether the whole text matches. Linear in the text for each `*` of the pattern. */
export function matchesGlob(pattern: string, text: string): boolean {
  let p = 0;
  let t = 0;
  /** Where the last star stands, and how much of the text it takes at present. */
  let starAt = -1;
  let starTakes = 0;
  while (t < text.length) {
    if (pattern[p] === '*') {
      starAt = p;
      starTakes = t;
      p += 1;
      continue;
    }
    const end = p < pattern.length ? matchOne(pattern, p, text[t] ?? '') : undefined;
    if (end !== undefined) {
      p = end;
      t += 1;
    } else if (starAt === -1) return false;
    else {
      starTakes += 1;
      t = starTakes;
      p = starAt + 1;
    }
  }
  while (pattern[p] === '*') p += 1;
  return p >= pattern.length;
}

/** Where the pattern goes on if its part at `at` matches the character; undefined if it does not. */
function matchOne(pattern: string, at: number, character: string): number | undefined {
  switch (pattern[at]) {
    case '?':
      return at + 1;
    case '[':
      return matchClass(pattern, at + 1, character);
    case '\\':
      if (at + 1 < pattern.length) return pattern[at + 1] === character ? at + 2 : undefined;
      return character === '\\' ? at + 1 : undefined;
    default:
      return pattern[at] === character ? at + 1 : undefined;
  }
}

/** A class that is not closed ends with the pattern. */
function matchClass(pattern: string, from: number, character: string): number | undefined {
  let at = from;
  const isNegated = pattern[at] === '^';
  if (isNegated) at += 1;
  let isIn = false;
  while (at < pattern.length && pattern[at] !== ']') {
    if (pattern[at] === '\\' && at + 1 < pattern.length) at += 1;
    const first = pattern[at] ?? '';
    const isRange = pattern[at + 1] === '-' && at + 2 < pattern.length && pattern[at + 2] !== ']';
    const last = isRange ? (pattern[at + 2] ?? '') : first;
    const [low, high] = first <= last ? [first, last] : [last, first];
    if (character >= low && character <= high) isIn = true;
    at += isRange ? 3 : 1;
  }
  return isIn === isNegated ? undefined : Math.min(at + 1, pattern.length);
}
