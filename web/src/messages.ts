/**
 * Messages on their way: a canvas over the stage, drawn anew with every picture of the screen.
 *
 * A real message takes some microseconds; here each flies for a while, a delayed one for longer. Their number is
 * bounded, since no more than a sample is sent to this page.
 */

import type { ObservedMessage } from '../../src/wire/observations.js';
import { termColour, token } from './colours.ts';
import { between, type Point, type Ring, STAGE_WIDTH } from './geometry.ts';

/** Messages of one frame are shown as far apart as they were sent. */
const PLAYBACK_DELAY_MS = 160;
const FLIGHT_MS = 420;
const MAX_IN_FLIGHT = 400;
/** A lost message gets this far, and then fades. */
const LOST_AT = 0.55;
const FADE_MS = 500;

interface Flight {
  readonly message: ObservedMessage;
  readonly startMs: number;
  readonly flightMs: number;
}

export type MessageKind = 'heartbeat' | 'append' | 'vote' | 'snapshot' | 'answer';

export function kindOf({ type, entries }: ObservedMessage): MessageKind {
  switch (type) {
    case 'AppendEntries':
      return entries > 0 ? 'append' : 'heartbeat';
    case 'InstallSnapshot':
      return 'snapshot';
    case 'ReadIndex':
      return 'heartbeat';
    case 'PreVote':
    case 'RequestVote':
    case 'TimeoutNow':
      return 'vote';
    default:
      return 'answer';
  }
}

export class MessageLayer {
  readonly #context: CanvasRenderingContext2D;
  readonly #isStill = matchMedia('(prefers-reduced-motion: reduce)');
  #flights: Flight[] = [];

  constructor(context: CanvasRenderingContext2D) {
    this.#context = context;
  }

  /** Messages came with a frame that was made at `frameAtMs` of the program's clock. */
  add(messages: readonly ObservedMessage[], frameAtMs: number): void {
    if (document.hidden) return;
    const nowMs = performance.now();
    for (const message of merged(messages)) {
      const startMs = nowMs + Math.max(0, message.atMs - frameAtMs + PLAYBACK_DELAY_MS);
      this.#flights.push({ message, startMs, flightMs: FLIGHT_MS + message.delayMs });
    }
    if (this.#flights.length > MAX_IN_FLIGHT) this.#flights = this.#flights.slice(-MAX_IN_FLIGHT);
  }

  draw(ring: Ring, nowMs: number): void {
    const { canvas } = this.#context;
    const scale = canvas.width / STAGE_WIDTH;
    this.#context.setTransform(scale, 0, 0, scale, 0, 0);
    this.#context.clearRect(0, 0, STAGE_WIDTH, ring.stageHeight);
    this.#flights = this.#flights.filter(({ startMs, flightMs }) => nowMs < startMs + flightMs + FADE_MS);
    for (const flight of this.#flights) {
      if (nowMs >= flight.startMs) this.#drawFlight(flight, ring, nowMs);
    }
    this.#context.globalAlpha = 1;
  }

  #drawFlight({ message, startMs, flightMs }: Flight, ring: Ring, nowMs: number): void {
    const context = this.#context;
    if (!ring.has(message.from) || !ring.has(message.to)) return;
    const path = ring.lane(message.from, message.to);
    const linear = (nowMs - startMs) / flightMs;
    const progress = this.#isStill.matches ? Math.min(linear, 0.6) : easeInOut(Math.min(1, linear));
    if (message.isLost && progress >= LOST_AT) {
      const since = nowMs - startMs - flightMs * 0.53;
      context.globalAlpha = Math.max(0, 1 - since / FADE_MS);
      drawCross(context, between(path, LOST_AT));
      return;
    }
    if (linear >= 1) return;
    context.globalAlpha = Math.min(1, linear * 8, (1 - linear) * 8);
    const { x, y } = between(path, progress);
    const colour = termColour(message.term);
    switch (kindOf(message)) {
      case 'heartbeat':
        fillCircle(context, x, y, 2.6, colour);
        return;
      case 'append':
        drawTail(context, path, progress, colour);
        fillCircle(context, x, y, Math.min(11, 4 + 1.4 * Math.log2(1 + message.entries)), colour);
        if (message.entries > 1) drawCount(context, x, y, message.entries);
        return;
      case 'snapshot':
        context.fillStyle = colour;
        context.fillRect(x - 7, y - 7, 14, 14);
        return;
      case 'vote':
        drawDiamond(context, x, y, colour);
        return;
      case 'answer':
        drawAnswer(context, x, y, message, colour);
        return;
    }
  }
}

/** One message for all with entries that one server sent to another within a frame: else they would hide each other. */
function merged(messages: readonly ObservedMessage[]): ObservedMessage[] {
  const appends = new Map<string, ObservedMessage>();
  const all: ObservedMessage[] = [];
  for (const message of messages) {
    const lane = `${message.from} ${message.to} ${message.isLost}`;
    const first = appends.get(lane);
    if (kindOf(message) !== 'append') all.push(message);
    else if (first === undefined) appends.set(lane, { ...message });
    else first.entries += message.entries;
  }
  return [...all, ...appends.values()];
}

function easeInOut(t: number): number {
  return t < 0.5 ? 2 * t * t : 1 - 2 * (1 - t) * (1 - t);
}

function fillCircle(context: CanvasRenderingContext2D, x: number, y: number, radius: number, colour: string) {
  context.fillStyle = colour;
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.fill();
}

function drawTail(
  context: CanvasRenderingContext2D,
  path: readonly [Point, Point],
  progress: number,
  colour: string,
) {
  const head = between(path, progress);
  const tail = between(path, Math.max(0, progress - 0.14));
  const gradient = context.createLinearGradient(tail.x, tail.y, head.x, head.y);
  gradient.addColorStop(0, 'transparent');
  gradient.addColorStop(1, colour);
  context.strokeStyle = gradient;
  context.lineWidth = 4;
  context.lineCap = 'round';
  context.beginPath();
  context.moveTo(tail.x, tail.y);
  context.lineTo(head.x, head.y);
  context.stroke();
}

function drawCount(context: CanvasRenderingContext2D, x: number, y: number, entries: number) {
  context.font = '600 10px ui-sans-serif, system-ui, sans-serif';
  context.textAlign = 'center';
  context.fillStyle = token('--text');
  context.fillText(`×${entries}`, x, y - 13);
}

function drawDiamond(context: CanvasRenderingContext2D, x: number, y: number, colour: string) {
  context.fillStyle = colour;
  context.strokeStyle = token('--text');
  context.lineWidth = 1.5;
  context.beginPath();
  context.moveTo(x, y - 9);
  context.lineTo(x + 9, y);
  context.lineTo(x, y + 9);
  context.lineTo(x - 9, y);
  context.closePath();
  context.fill();
  context.stroke();
}

/** Granted votes are a full mark in the colour for good, refused ones a cross; of entries, only refusals stand out. */
function drawAnswer(
  context: CanvasRenderingContext2D,
  x: number,
  y: number,
  { type, isGranted }: ObservedMessage,
  colour: string,
) {
  const isVote = type === 'RequestVoteResponse' || type === 'PreVoteResponse';
  if (isGranted === false) drawCross(context, { x, y });
  else if (isVote) fillCircle(context, x, y, 6.5, token('--good'));
  else {
    context.strokeStyle = colour;
    context.lineWidth = 1.4;
    context.beginPath();
    context.arc(x, y, 2.4, 0, 2 * Math.PI);
    context.stroke();
  }
}

function drawCross(context: CanvasRenderingContext2D, { x, y }: { readonly x: number; readonly y: number }) {
  context.strokeStyle = token('--bad');
  context.lineWidth = 2.2;
  context.lineCap = 'round';
  context.beginPath();
  context.moveTo(x - 4.5, y - 4.5);
  context.lineTo(x + 4.5, y + 4.5);
  context.moveTo(x + 4.5, y - 4.5);
  context.lineTo(x - 4.5, y + 4.5);
  context.stroke();
}
