/**
 * How far something is, for whoever waits for it: a bar on a terminal, and elsewhere, as in a log, a line now and then where it
 * takes long.
 */

/** Off a terminal, a line comes no sooner than this after the begin, and after the line before. */
export const LINE_EVERY_MS = 5_000;

const MAX_BAR_CHARS = 40;
/** Between the text and the end of a line with a bar: blanks, brackets, and the percentage. */
const BESIDE_BAR_CHARS = ' [] 100 %'.length;
const DEFAULT_COLUMNS = 80;
const CLEAR_LINE = '\r\u001b[K';

/** Where it is shown: stderr. */
export interface ProgressStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

export class ProgressDisplay {
  readonly #stream: ProgressStream;
  #shown = '';
  #lineAtMs: number;

  constructor(stream: ProgressStream, nowMs: number) {
    this.#stream = stream;
    this.#lineAtMs = nowMs;
  }

  /** @param share of all that is to be done, if that is known */
  show(text: string, share: number | undefined, nowMs: number): void {
    const { isTTY = false } = this.#stream;
    // Some terminals tell 0 for what they do not know.
    const columns = this.#stream.columns || DEFAULT_COLUMNS;
    const percentage = share === undefined ? '' : ` ${percentOf(share)}`;
    if (isTTY) {
      const bar = share === undefined ? '' : barOf(share, columns - text.length);
      // A longer line would wrap, and be left behind.
      this.#draw(`${text}${bar}${percentage}`.slice(0, columns - 1));
    } else if (nowMs - this.#lineAtMs >= LINE_EVERY_MS) {
      this.#lineAtMs = nowMs;
      this.#stream.write(`${text}${percentage}\n`);
    }
  }

  /** Leaves nothing of the bar. */
  end(): void {
    if (this.#shown !== '') this.#draw('');
  }

  #draw(line: string): void {
    if (line === this.#shown) return;
    this.#shown = line;
    this.#stream.write(`${CLEAR_LINE}${line}`);
  }
}

/** Nothing where there is no room for it. */
function barOf(share: number, columns: number): string {
  const width = Math.min(MAX_BAR_CHARS, columns - BESIDE_BAR_CHARS - 1);
  if (width < 2) return '';
  const full = Math.floor(width * share);
  return ` [${'#'.repeat(full)}${'-'.repeat(width - full)}]`;
}

/** 100 % is said of what is whole alone. */
function percentOf(share: number): string {
  return `${`${Math.floor(100 * share)}`.padStart(3)} %`;
}
