/**
 * The end of every log, entry by entry, under one another: what one has and another has not is seen at a glance.
 *
 * An entry's colour is its term, its height the size of its batch. What is not committed is an outline.
 */

import { useLayoutEffect, useRef } from 'preact/hooks';
import type { ServerSight, ServerView } from '../../src/admin/live/view.js';
import { serverColour, termColour, token } from './colours.ts';
import { count } from './format.ts';
import type { LiveState } from './live.ts';

const CELL_WIDTH = 15;
const CELL_GAP = 3;
const STRIP_HEIGHT = 46;
const BAR_HEIGHT = 32;
const MIN_BAR = 0.22;
/** A batch of this size fills its cell. */
const FULL_BAR_BYTES = 64 * 1024;
/** Empty places to the right of the newest entry: room to grow into. */
const ROOM = 2;

export function LogsPanel({ state }: { readonly state: LiveState }) {
  const servers = state.frame?.servers ?? [];
  const newest = Math.max(0, ...servers.map(({ seen }) => seen?.lastIndex ?? 0));
  const terms = [...new Set(servers.flatMap(({ seen }) => seen?.log.terms.map(([term]) => term) ?? []))];
  return (
    <section class="panel logs" aria-labelledby="logs-title">
      <h2 id="logs-title">
        Logs
        <span class="terms">
          {terms
            .sort((a, b) => a - b)
            .slice(-6)
            .map((term) => (
              <span key={term} class="chip" style={{ '--chip': termColour(term) }}>
                term {term}
              </span>
            ))}
        </span>
        <span class="key">
          <i class="swatch committed" /> committed <i class="swatch uncommitted" /> not yet{' '}
          <i class="swatch applied" /> applied up to here
        </span>
      </h2>
      {servers.map((server) => (
        <Strip key={server.id} server={server} newest={newest} />
      ))}
    </section>
  );
}

function Strip({ server, newest }: { readonly server: ServerView; readonly newest: number }) {
  const { id, seen, state } = server;
  const canvas = useRef<HTMLCanvasElement>(null);
  useLayoutEffect(() => {
    if (canvas.current !== null) drawStrip(canvas.current, seen, newest);
  });
  const missing = newest - (seen?.lastIndex ?? 0);
  return (
    <div class={`strip is-${state}`}>
      <span class="strip-name">
        <span class="server-dot" style={{ background: serverColour(id) }} />
        {id}
      </span>
      <canvas ref={canvas} role="img" aria-label={describe(server)} />
      <span class="strip-end">
        {count(seen?.lastIndex ?? 0)}
        {missing > 0 && <small>−{count(missing)}</small>}
      </span>
    </div>
  );
}

function describe({ id, seen }: ServerView): string {
  if (seen === undefined) return `Server ${id} has not shown its log yet`;
  const { lastIndex, commitIndex, lastApplied } = seen;
  return `Log of server ${id}: up to ${lastIndex}, committed up to ${commitIndex}, applied up to ${lastApplied}`;
}

function drawStrip(canvas: HTMLCanvasElement, seen: ServerSight | undefined, newest: number): void {
  const context = canvas.getContext('2d');
  if (context === null) return;
  const scale = devicePixelRatio;
  const width = canvas.clientWidth;
  if (canvas.width !== Math.round(width * scale)) {
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(STRIP_HEIGHT * scale);
  }
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.clearRect(0, 0, width, STRIP_HEIGHT);
  const places = Math.floor(width / CELL_WIDTH);
  const first = Math.max(1, newest + ROOM - places + 1);
  const placeOf = (index: number) => (index - first) * CELL_WIDTH;
  drawGround(context, { first, places, width });
  if (seen === undefined) return;

  let index = seen.log.start;
  for (const [term, entries] of seen.log.terms) {
    for (let entry = 0; entry < entries; entry += 1) {
      index += 1;
      if (index < first) continue;
      const byteLength = seen.log.byteLengths[index - seen.log.start - 1] ?? 0;
      drawEntry(context, placeOf(index), { term, byteLength, isCommitted: index <= seen.commitIndex });
    }
  }
  if (seen.log.start >= first) drawCompacted(context, placeOf(seen.log.start) + CELL_WIDTH);
  if (seen.lastApplied >= first - 1)
    drawApplied(context, placeOf(seen.lastApplied) + CELL_WIDTH - CELL_GAP / 2);
}

/** A dot in each place, and a number at each tenth. */
function drawGround(
  context: CanvasRenderingContext2D,
  { first, places, width }: { readonly first: number; readonly places: number; readonly width: number },
): void {
  context.font = '10px ui-sans-serif, system-ui, sans-serif';
  context.textAlign = 'left';
  for (let place = 0; place < places; place += 1) {
    const x = place * CELL_WIDTH;
    const index = first + place;
    context.fillStyle = token('--line');
    context.fillRect(x, BAR_HEIGHT - 2, CELL_WIDTH - CELL_GAP, 2);
    if (index % 10 !== 0 || x > width - 40) continue;
    context.fillStyle = token('--muted');
    context.fillText(count(index), x, STRIP_HEIGHT - 2);
  }
}

function drawEntry(
  context: CanvasRenderingContext2D,
  x: number,
  entry: { readonly term: number; readonly byteLength: number; readonly isCommitted: boolean },
): void {
  const filled = Math.log2(1 + entry.byteLength) / Math.log2(1 + FULL_BAR_BYTES);
  const height = BAR_HEIGHT * Math.min(1, MIN_BAR + (1 - MIN_BAR) * filled);
  context.beginPath();
  context.roundRect(x, BAR_HEIGHT - height, CELL_WIDTH - CELL_GAP, height, 2.5);
  if (entry.isCommitted) {
    context.fillStyle = termColour(entry.term);
    context.fill();
    return;
  }
  context.fillStyle = termColour(entry.term, 0.22);
  context.fill();
  context.strokeStyle = termColour(entry.term);
  context.lineWidth = 1.2;
  context.stroke();
}

/** What is left of here is in a snapshot. */
function drawCompacted(context: CanvasRenderingContext2D, x: number): void {
  context.strokeStyle = token('--muted');
  context.lineWidth = 1.5;
  context.setLineDash([3, 3]);
  context.beginPath();
  context.moveTo(x - CELL_GAP / 2, 0);
  context.lineTo(x - CELL_GAP / 2, BAR_HEIGHT);
  context.stroke();
  context.setLineDash([]);
}

function drawApplied(context: CanvasRenderingContext2D, x: number): void {
  context.fillStyle = token('--text');
  context.beginPath();
  context.moveTo(x, BAR_HEIGHT + 1);
  context.lineTo(x + 4, BAR_HEIGHT + 7);
  context.lineTo(x - 4, BAR_HEIGHT + 7);
  context.closePath();
  context.fill();
}
