/** A client of the cluster: commands in, replies out. */

import { useEffect, useRef, useState } from 'preact/hooks';
import type { ConsoleCommand } from '../../src/admin/console.js';
import { run } from './api.ts';
import { milliseconds } from './format.ts';
import { useKeyboardScroll } from './keyboard-scroll.ts';

interface Line {
  readonly number: number;
  readonly kind: 'input' | 'reply' | 'value' | 'error';
  readonly text: string;
}

const MAX_LINES = 200;
const EXAMPLES = ['set greeting hello', 'get greeting', 'cas greeting 1 hi', 'delete greeting'] as const;
const USAGE =
  'set <key> <value> [ttl=<s>] · get <key> · cas <key> <version> <value> [ttl=<s>] · delete <key>';

export function ConsolePanel() {
  const [lines, setLines] = useState<readonly Line[]>([]);
  const [text, setText] = useState('');
  const [history, setHistory] = useState<readonly string[]>([]);
  const [place, setPlace] = useState(0);
  const output = useRef<HTMLDivElement>(null);
  useEffect(() => {
    output.current?.scrollTo({ top: output.current.scrollHeight });
  }, [lines]);
  useKeyboardScroll(output);

  const add = (...more: readonly Omit<Line, 'number'>[]) =>
    setLines((before) => {
      const next = (before.at(-1)?.number ?? 0) + 1;
      return [...before, ...more.map((line, offset) => ({ ...line, number: next + offset }))].slice(
        -MAX_LINES,
      );
    });

  const submit = async (input: string) => {
    const trimmed = input.trim();
    if (trimmed === '') return;
    setText('');
    setHistory([...history, trimmed]);
    setPlace(history.length + 1);
    add({ kind: 'input', text: trimmed });
    const command = parse(trimmed);
    if (command === undefined) {
      add({ kind: 'error', text: USAGE });
      return;
    }
    const startMs = performance.now();
    try {
      const { line, value } = await run(command);
      const took = milliseconds(performance.now() - startMs);
      const kind = line.startsWith('ERR_') ? 'error' : 'reply';
      add({ kind, text: `${explain(line)}  ·  ${took}` });
      if (value !== null) add({ kind: 'value', text: value });
    } catch (error) {
      add({ kind: 'error', text: error instanceof Error ? error.message : String(error) });
    }
  };

  const recall = (step: number) => {
    const next = Math.min(history.length, Math.max(0, place + step));
    setPlace(next);
    setText(history[next] ?? '');
  };

  return (
    <section class="panel console" aria-labelledby="console-title">
      <h2 id="console-title">
        Console
        <span class="examples">
          {EXAMPLES.map((example) => (
            <button type="button" class="quiet example" key={example} onClick={() => submit(example)}>
              {example.split(' ')[0]}
            </button>
          ))}
        </span>
      </h2>
      <div class="scroll output" ref={output} role="log" aria-label="Replies">
        {lines.length === 0 && <p class="faint">{USAGE}</p>}
        {lines.map(({ number, kind, text: line }) => (
          <p key={number} class={`line ${kind}`}>
            {line}
          </p>
        ))}
      </div>
      <form
        class="prompt"
        onSubmit={(event) => {
          event.preventDefault();
          void submit(text);
        }}
      >
        <span aria-hidden="true">›</span>
        <input
          aria-label="Command"
          placeholder="set greeting hello"
          autocomplete="off"
          autocapitalize="off"
          spellcheck={false}
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
          onKeyDown={(event) => {
            if (event.key === 'ArrowUp') recall(-1);
            if (event.key === 'ArrowDown') recall(1);
          }}
        />
        <button type="submit">Run</button>
      </form>
    </section>
  );
}

/** The command in the line; undefined when it is none. A value goes to the end of the line. */
export function parse(line: string): ConsoleCommand | undefined {
  const { rest, exptimeS } = takeTtl(line);
  const [command, key, ...words] = rest.split(' ').filter((word, index) => index > 2 || word !== '');
  if (key === undefined) return undefined;
  switch (command) {
    case 'get':
    case 'delete':
      return words.length === 0 ? { command, key } : undefined;
    case 'set':
      return words.length === 0 ? undefined : { command, key, value: words.join(' '), exptimeS };
    case 'cas': {
      const [version, ...value] = words;
      if (version === undefined || !/^\d+$/.test(version) || value.length === 0) return undefined;
      return { command, key, version: Number(version), value: value.join(' '), exptimeS };
    }
    default:
      return undefined;
  }
}

function takeTtl(line: string): { readonly rest: string; readonly exptimeS: number } {
  const match = / ttl=(\d+)$/.exec(line);
  return match === null
    ? { rest: line, exptimeS: 0 }
    : { rest: line.slice(0, match.index), exptimeS: Number(match[1]) };
}

/** The reply's line, with its numbers named. */
function explain(line: string): string {
  const [type, first, second] = line.split(' ');
  if (type === 'OK') return `OK, version ${first}`;
  if (type !== 'VALUE') return line;
  return second === '0' ? `version ${first}` : `version ${first}, expires in ${second} s`;
}
