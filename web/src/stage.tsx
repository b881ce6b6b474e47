/**
 * The servers in a ring, the links between them, and the messages on their way. A line drawn across it cuts the network
 * in two.
 */

import { useEffect, useRef, useState } from 'preact/hooks';
import type { Frame, ServerView } from '../../src/admin/live/view.js';
import type { Act } from './actions.ts';
import { animate } from './animate.ts';
import { callServer, partition, pauseServer } from './api.ts';
import { termColour } from './colours.ts';
import {
  between,
  lane,
  nodePlace,
  nodeRadius,
  type Point,
  STAGE_HEIGHT,
  STAGE_WIDTH,
  split,
} from './geometry.ts';
import { Icon } from './icons.tsx';
import type { LiveConnection, LiveState } from './live.ts';
import { MessageLayer } from './messages.ts';

export const PAUSE_MS = 3_000;
/** Where on a lane its fault is written: those of the two directions stand apart. */
const LABEL_AT = 0.42;
const MIN_CUT_LENGTH = 60;
/** About half as wide as the menu of a server, so that it stays on the stage. */
const MENU_HALF_PX = 178;

interface StageProps {
  readonly live: LiveConnection;
  readonly state: LiveState;
  readonly selected: number | undefined;
  readonly select: (id: number | undefined) => void;
  readonly act: Act;
}

export function Stage({ live, state, selected, select, act }: StageProps) {
  const { frame } = state;
  const servers = frame?.servers ?? [];
  const canvas = useMessages(live);
  const rings = useElectionRings(live);
  const { cut, handlers } = useCut(servers.length, (groups) => act(() => partition(groups)));
  const chosen = servers.find(({ id }) => id === selected);

  return (
    <section class="panel stage" aria-label="Servers and messages">
      <div class="stage-box">
        <canvas ref={canvas} class="messages" />
        <svg viewBox={`0 0 ${STAGE_WIDTH} ${STAGE_HEIGHT}`} {...handlers} aria-hidden="true">
          <rect width={STAGE_WIDTH} height={STAGE_HEIGHT} fill="transparent" />
          {frame !== undefined && <Links frame={frame} />}
          {servers.map((server) => (
            <Node
              key={server.id}
              server={server}
              serverCount={servers.length}
              isLeader={server.id === frame?.leader}
              isSelected={server.id === selected}
              ring={(element) => rings.set(server.id, element)}
            />
          ))}
          {cut !== undefined && <CutLine cut={cut} serverCount={servers.length} />}
        </svg>
        {servers.map((server) => (
          <NodeButton
            key={server.id}
            server={server}
            serverCount={servers.length}
            isSelected={server.id === selected}
            onSelect={() => select(server.id === selected ? undefined : server.id)}
          />
        ))}
        {chosen !== undefined && (
          <NodeMenu server={chosen} serverCount={servers.length} act={act} close={() => select(undefined)} />
        )}
        {servers.length === 0 && <p class="waiting">Waiting for the cluster…</p>}
      </div>
      <Legend canCut={servers.length > 1} />
    </section>
  );
}

/** Draws the messages of every frame, for as long as the page is there. */
function useMessages(live: LiveConnection) {
  const ref = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const canvas = ref.current;
    const context = canvas?.getContext('2d');
    if (canvas == null || context == null) return;
    const layer = new MessageLayer(context);
    let drawn: Frame | undefined;
    const unsubscribe = live.subscribe(() => {
      const { frame } = live.state;
      if (frame === undefined || frame === drawn) return;
      drawn = frame;
      layer.add(frame.messages, frame.atMs);
    });
    const resize = new ResizeObserver(() => {
      canvas.width = canvas.clientWidth * devicePixelRatio;
      canvas.height = canvas.clientHeight * devicePixelRatio;
    });
    resize.observe(canvas);
    const stop = animate((nowMs) => layer.draw(live.state.frame?.servers.length ?? 0, nowMs));
    return () => {
      unsubscribe();
      resize.disconnect();
      stop();
    };
  }, [live]);
  return ref;
}

/** Runs every server's election timer down between two frames. */
function useElectionRings(live: LiveConnection): Map<number, SVGCircleElement | null> {
  const rings = useRef(new Map<number, SVGCircleElement | null>()).current;
  useEffect(
    () =>
      animate((nowMs) => {
        const { frame, frameAtMs, hello } = live.state;
        const longestMs = 2 * (hello?.electionTimeoutMs ?? 1);
        for (const { id, state, seen } of frame?.servers ?? []) {
          const isRunning = state === 'running' && seen?.electionInMs != null;
          const leftMs = isRunning ? (seen?.electionInMs ?? 0) - (nowMs - frameAtMs) : 0;
          const fraction = Math.min(1, Math.max(0, leftMs / longestMs));
          rings.get(id)?.setAttribute('stroke-dashoffset', `${1 - fraction}`);
        }
      }),
    [live, rings],
  );
  return rings;
}

/** A line drawn with the pointer from anywhere but a server. */
function useCut(serverCount: number, apply: (groups: readonly [number[], number[]]) => void) {
  const [cut, setCut] = useState<readonly [Point, Point]>();
  const pointOf = (event: PointerEvent): Point | undefined => {
    const svg = event.currentTarget;
    if (!(svg instanceof SVGSVGElement)) return undefined;
    const box = svg.getBoundingClientRect();
    return {
      x: ((event.clientX - box.left) / box.width) * STAGE_WIDTH,
      y: ((event.clientY - box.top) / box.height) * STAGE_HEIGHT,
    };
  };
  const handlers = {
    onPointerDown: (event: PointerEvent) => {
      const point = pointOf(event);
      if (point === undefined || serverCount < 2) return;
      if (event.currentTarget instanceof Element) event.currentTarget.setPointerCapture(event.pointerId);
      setCut([point, point]);
    },
    onPointerMove: (event: PointerEvent) => {
      const point = pointOf(event);
      if (cut !== undefined && point !== undefined) setCut([cut[0], point]);
    },
    onPointerUp: () => {
      if (cut === undefined) return;
      setCut(undefined);
      const groups = groupsOf(cut, serverCount);
      if (groups !== undefined) apply(groups);
    },
    onPointerCancel: () => setCut(undefined),
  };
  return { cut, handlers };
}

function groupsOf(cut: readonly [Point, Point], serverCount: number) {
  const [a, b] = cut;
  return Math.hypot(b.x - a.x, b.y - a.y) < MIN_CUT_LENGTH ? undefined : split(cut, serverCount);
}

function CutLine({
  cut,
  serverCount,
}: {
  readonly cut: readonly [Point, Point];
  readonly serverCount: number;
}) {
  const [a, b] = cut;
  const groups = groupsOf(cut, serverCount);
  return (
    <g class="cut">
      <line class="cut-line" x1={a.x} y1={a.y} x2={b.x} y2={b.y} />
      {groups !== undefined && (
        <text class="cut-label" x={b.x + 10} y={b.y - 8}>
          {groups.map((group) => group.join(' ')).join('  |  ')}
        </text>
      )}
    </g>
  );
}

function Links({ frame }: { readonly frame: Frame }) {
  const count = frame.servers.length;
  const links = [];
  for (let from = 0; from < count; from += 1) {
    for (let to = 0; to < count; to += 1) {
      if (from !== to) links.push(<LinkLane key={`${from}-${to}`} from={from} to={to} frame={frame} />);
    }
  }
  return <g class="links">{links}</g>;
}

function LinkLane({
  from,
  to,
  frame,
}: {
  readonly from: number;
  readonly to: number;
  readonly frame: Frame;
}) {
  const path = lane(from, to, frame.servers.length);
  const [a, b] = path;
  const fault = frame.faults.links.find((link) => link.from === from && link.to === to);
  const isCut = groupIn(frame, from) !== groupIn(frame, to);
  const isDown = frame.servers.some(({ id, state }) => state === 'stopped' && (id === from || id === to));
  const names = [
    'link',
    isDown ? 'is-down' : '',
    isCut ? 'is-cut' : '',
    !isCut && fault !== undefined ? 'is-faulty' : '',
  ];
  const label = fault === undefined || isCut ? '' : faultLabel(fault.dropRate, fault.delayMs);
  const at = between(path, LABEL_AT);
  return (
    <g class={names.filter((name) => name !== '').join(' ')}>
      <line x1={a.x} y1={a.y} x2={b.x} y2={b.y} />
      {label !== '' && (
        <text class="link-label" x={at.x} y={at.y - 5}>
          {label}
        </text>
      )}
    </g>
  );
}

function groupIn({ faults }: Frame, id: number): number {
  return faults.groups.findIndex((group) => group.includes(id));
}

export function faultLabel(dropRate: number, [minMs, maxMs]: readonly [number, number]): string {
  const parts: string[] = [];
  if (dropRate > 0) parts.push(`${Math.round(dropRate * 100)} % lost`);
  if (maxMs > 0) parts.push(minMs === maxMs ? `${maxMs} ms` : `${minMs}–${maxMs} ms`);
  return parts.join(', ');
}

interface NodeProps {
  readonly server: ServerView;
  readonly serverCount: number;
  readonly isLeader: boolean;
  readonly isSelected: boolean;
  readonly ring: (element: SVGCircleElement | null) => void;
}

function Node({ server, serverCount, isLeader, isSelected, ring }: NodeProps) {
  const { id, state, seen } = server;
  const { x, y } = nodePlace(id, serverCount);
  const radius = nodeRadius(serverCount);
  const role = roleOf(server);
  const term = seen?.term ?? 0;
  const names = `node is-${state} role-${role}${isLeader ? ' is-leader' : ''}${isSelected ? ' is-selected' : ''}`;
  return (
    <g class={names} transform={`translate(${x} ${y})`} style={{ '--term': termColour(term) }}>
      {isLeader && <circle class="halo" r={radius + 14} />}
      <circle class="body" r={radius} />
      <circle class="track" r={radius + 5} />
      {seen?.electionInMs != null && state === 'running' && (
        <circle class="timer" r={radius + 5} pathLength={1} ref={ring} transform="rotate(-90)" />
      )}
      {seen?.votedFor != null && state !== 'stopped' && (
        <VoteMark from={id} to={seen.votedFor} serverCount={serverCount} />
      )}
      {isLeader && (
        <g class="crown" transform={`translate(-11 ${-radius + 5}) scale(1.4)`}>
          <path d="M2.5 12.5h11M3 10.5 2.2 4.6l3.3 2.6L8 3.2l2.5 4 3.3-2.6-.8 5.9z" />
        </g>
      )}
      <text class="number" y={isLeader ? 13 : 6}>
        {id}
      </text>
      <text class="role" y={isLeader ? 29 : 25}>
        {role}
      </text>
    </g>
  );
}

/** What is pressed to choose a server: a button, which an SVG does not have. */
function NodeButton({
  server,
  serverCount,
  isSelected,
  onSelect,
}: {
  readonly server: ServerView;
  readonly serverCount: number;
  readonly isSelected: boolean;
  readonly onSelect: () => void;
}) {
  const { x, y } = nodePlace(server.id, serverCount);
  const radius = nodeRadius(serverCount);
  return (
    <button
      type="button"
      class="node-button"
      style={{
        left: `${((x - radius) / STAGE_WIDTH) * 100}%`,
        top: `${((y - radius) / STAGE_HEIGHT) * 100}%`,
        width: `${((2 * radius) / STAGE_WIDTH) * 100}%`,
      }}
      aria-label={`Server ${server.id}, ${roleOf(server)}, term ${server.seen?.term ?? 0}`}
      aria-pressed={isSelected}
      onClick={onSelect}
    />
  );
}

/** A notch at the rim, on the side of the server that got this one's vote. Its own vote is a notch at the bottom. */
function VoteMark({
  from,
  to,
  serverCount,
}: {
  readonly from: number;
  readonly to: number;
  readonly serverCount: number;
}) {
  const a = nodePlace(from, serverCount);
  const b = nodePlace(to, serverCount);
  const degrees = from === to ? 90 : (Math.atan2(b.y - a.y, b.x - a.x) * 180) / Math.PI;
  const rim = nodeRadius(serverCount) + 1;
  return (
    <path class="vote" transform={`rotate(${degrees}) translate(${rim} 0)`} d="M-8 -6.5L4 0L-8 6.5Z">
      <title>voted for server {to}</title>
    </path>
  );
}

/** The server's role in words, or what keeps it from having one. */
export function roleOf({ state, seen }: ServerView): string {
  if (state === 'stopped') return 'stopped';
  if (state === 'busy') return 'silent';
  return seen?.role ?? 'starting';
}

function NodeMenu({
  server,
  serverCount,
  act,
  close,
}: {
  readonly server: ServerView;
  readonly serverCount: number;
  readonly act: Act;
  readonly close: () => void;
}) {
  const { id, state, seen } = server;
  const { x, y } = nodePlace(id, serverCount);
  const place = {
    left: `clamp(${MENU_HALF_PX}px, ${(x / STAGE_WIDTH) * 100}%, calc(100% - ${MENU_HALF_PX}px))`,
    top: `${((y + nodeRadius(serverCount) + 16) / STAGE_HEIGHT) * 100}%`,
  };
  const others = Array.from({ length: serverCount }, (_, other) => other).filter((other) => other !== id);
  return (
    <div
      class="node-menu"
      role="toolbar"
      aria-label={`Server ${id}`}
      style={place}
      onKeyDown={(event: KeyboardEvent) => {
        if (event.key === 'Escape') close();
      }}
    >
      {state === 'stopped' ? (
        <button type="button" onClick={() => act(() => callServer(id, 'restart'))}>
          <Icon name="restart" /> Restart
        </button>
      ) : (
        <>
          <button type="button" class="danger" onClick={() => act(() => callServer(id, 'kill'))}>
            <Icon name="kill" /> Kill
          </button>
          <button type="button" onClick={() => act(() => pauseServer(id, PAUSE_MS))}>
            <Icon name="pause" /> Pause
          </button>
          {seen?.role !== 'leader' && (
            <button type="button" onClick={() => act(() => callServer(id, 'lead'))}>
              <Icon name="crown" /> Lead
            </button>
          )}
          {others.length > 0 && (
            <button type="button" onClick={() => act(() => partition([[id], others]))}>
              <Icon name="cut" /> Isolate
            </button>
          )}
        </>
      )}
    </div>
  );
}

function Legend({ canCut }: { readonly canCut: boolean }) {
  return (
    <div class="legend">
      <span>
        <i class="mark heartbeat" /> heartbeat
      </span>
      <span>
        <i class="mark append" /> entries
      </span>
      <span>
        <i class="mark answer" /> answer
      </span>
      <span>
        <i class="mark vote-request" /> asks for votes
      </span>
      <span>
        <i class="mark granted" /> vote
      </span>
      <span>
        <i class="mark snapshot" /> snapshot
      </span>
      <span>
        <i class="mark lost" /> lost or refused
      </span>
      {canCut && <span class="hint">Draw a line across the ring to cut the network.</span>}
    </div>
  );
}
