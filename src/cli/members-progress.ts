/**
 * How far a change of members is, for whoever waits for it: a bar on a terminal, and elsewhere, as in a log, a line now and then
 * where it takes long.
 */

/** Off a terminal, a line comes no sooner than this after the begin, and after the line before. */
export const LINE_EVERY_MS = 5_000;

const MAX_BAR_CHARS = 40;
/** Between the text and the end of a line with a bar: blanks, brackets, and the percentage. */
const BESIDE_BAR_CHARS = ' [] 100 %'.length;
const DEFAULT_COLUMNS = 80;
const CLEAR_LINE = '\r\u001b[K';

/** What `GET /api/members` answers, as far as it is shown. */
export interface MembersProgress {
  readonly learners: readonly number[];
  readonly change: { readonly caughtUp: number; readonly waitsFor: readonly number[] };
}

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

  show({ learners, change }: MembersProgress, nowMs: number): void {
    const { isTTY = false } = this.#stream;
    // Some terminals tell 0 for what they do not know.
    const columns = this.#stream.columns || DEFAULT_COLUMNS;
    const text = textOf(learners, change.waitsFor);
    const caughtUp = learners.length > 0 ? change.caughtUp : undefined;
    const percentage = caughtUp === undefined ? '' : ` ${percentOf(caughtUp)}`;
    if (isTTY) {
      const bar = caughtUp === undefined ? '' : barOf(caughtUp, columns - text.length);
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

function textOf(learners: readonly number[], waitsFor: readonly number[]): string {
  if (learners.length > 0) return `${servers(learners)} ${learners.length === 1 ? 'catches' : 'catch'} up`;
  return waitsFor.length > 0 ? `the change waits for ${servers(waitsFor)}` : 'the members are agreed on';
}

function servers(ids: readonly number[]): string {
  return `server${ids.length === 1 ? '' : 's'} ${ids.join(', ')}`;
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
