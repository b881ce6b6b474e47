/**
 * The servers in a ring, the links between them, and the messages on their way. A line drawn across it cuts the network
 * in two.
 */

import { useEffect, useRef, useState } from 'preact/hooks';
import type { Frame } from '../../src/admin/live/view.js';
import type { Act } from './actions.ts';
import { animate } from './animate.ts';
import { partition } from './api.ts';
import { type Point, Ring, STAGE_WIDTH } from './geometry.ts';
import { Links } from './links.tsx';
import type { LiveConnection, LiveState } from './live.ts';
import type { Ask } from './member-dialog.tsx';
import { partOf } from './members.ts';
import { MessageLayer } from './messages.ts';
import { Node, NodeButton, NodeMenu } from './node.tsx';

const MIN_CUT_LENGTH = 60;
interface StageProps {
  readonly live: LiveConnection;
  readonly state: LiveState;
  readonly selected: number | undefined;
  readonly select: (id: number | undefined) => void;
  readonly act: Act;
  readonly ask: Ask;
}

export function Stage({ live, state, selected, select, act, ask }: StageProps) {
  const { frame } = state;
  const servers = frame?.servers ?? [];
  const ring = ringOf(frame);
  const canvas = useMessages(live);
  const timers = useElectionTimers(live);
  const { cut, handlers } = useCut(ring, (groups) => act(() => partition(groups)));
  const chosen = servers.find(({ id }) => id === selected);

  return (
    <section class="panel stage" aria-label="Servers and messages">
      <div class="stage-box" style={{ aspectRatio: `${STAGE_WIDTH} / ${ring.stageHeight}` }}>
        <canvas ref={canvas} class="messages" />
        <svg viewBox={`0 0 ${STAGE_WIDTH} ${ring.stageHeight}`} {...handlers} aria-hidden="true">
          <rect width={STAGE_WIDTH} height={ring.stageHeight} fill="transparent" />
          {frame !== undefined && <Links frame={frame} ring={ring} />}
          {servers.map((server) => (
            <Node
              key={server.id}
              server={server}
              part={partOf(frame?.members, server.id)}
              ring={ring}
              isLeader={server.id === frame?.leader}
              isSelected={server.id === selected}
              timer={(element) => timers.set(server.id, element)}
            />
          ))}
          {cut !== undefined && <CutLine cut={cut} ring={ring} />}
        </svg>
        {servers.map((server) => (
          <NodeButton
            key={server.id}
            server={server}
            part={partOf(frame?.members, server.id)}
            ring={ring}
            isSelected={server.id === selected}
            onSelect={() => select(server.id === selected ? undefined : server.id)}
          />
        ))}
        {chosen !== undefined && (
          <NodeMenu server={chosen} ring={ring} act={act} ask={ask} close={() => select(undefined)} />
        )}
        {servers.length === 0 && <p class="waiting">Waiting for the cluster…</p>}
      </div>
      <Legend canCut={servers.length > 1} isJoint={(frame?.members?.outgoing.length ?? 0) > 0} />
    </section>
  );
}

function ringOf(frame: Frame | undefined): Ring {
  return new Ring((frame?.servers ?? []).map(({ id }) => id));
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
    const stop = animate((nowMs) => layer.draw(ringOf(live.state.frame), nowMs));
    return () => {
      unsubscribe();
      resize.disconnect();
      stop();
    };
  }, [live]);
  return ref;
}

/** Runs every server's election timer down between two frames. */
function useElectionTimers(live: LiveConnection): Map<number, SVGCircleElement | null> {
  const timers = useRef(new Map<number, SVGCircleElement | null>()).current;
  useEffect(
    () =>
      animate((nowMs) => {
        const { frame, frameAtMs, hello } = live.state;
        const longestMs = 2 * (hello?.electionTimeoutMs ?? 1);
        for (const { id, state, seen } of frame?.servers ?? []) {
          const isRunning = state === 'running' && seen?.electionInMs != null;
          const leftMs = isRunning ? (seen?.electionInMs ?? 0) - (nowMs - frameAtMs) : 0;
          const fraction = Math.min(1, Math.max(0, leftMs / longestMs));
          timers.get(id)?.setAttribute('stroke-dashoffset', `${1 - fraction}`);
        }
      }),
    [live, timers],
  );
  return timers;
}

/** A line drawn with the pointer from anywhere but a server. */
function useCut(ring: Ring, apply: (groups: readonly [number[], number[]]) => void) {
  const [cut, setCut] = useState<readonly [Point, Point]>();
  const pointOf = (event: PointerEvent): Point | undefined => {
    const svg = event.currentTarget;
    if (!(svg instanceof SVGSVGElement)) return undefined;
    const box = svg.getBoundingClientRect();
    return {
      x: ((event.clientX - box.left) / box.width) * STAGE_WIDTH,
      y: ((event.clientY - box.top) / box.height) * ring.stageHeight,
    };
  };
  const handlers = {
    onPointerDown: (event: PointerEvent) => {
      const point = pointOf(event);
      if (point === undefined || ring.size < 2) return;
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
      const groups = groupsOf(cut, ring);
      if (groups !== undefined) apply(groups);
    },
    onPointerCancel: () => setCut(undefined),
  };
  return { cut, handlers };
}

function groupsOf(cut: readonly [Point, Point], ring: Ring) {
  const [a, b] = cut;
  return Math.hypot(b.x - a.x, b.y - a.y) < MIN_CUT_LENGTH ? undefined : ring.split(cut);
}

function CutLine({ cut, ring }: { readonly cut: readonly [Point, Point]; readonly ring: Ring }) {
  const [a, b] = cut;
  const groups = groupsOf(cut, ring);
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

function Legend({ canCut, isJoint }: { readonly canCut: boolean; readonly isJoint: boolean }) {
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
      {isJoint && (
        <>
          <span>
            <i class="mark old-half" /> votes in the old half
          </span>
          <span>
            <i class="mark new-half" /> votes in the new half
          </span>
        </>
      )}
      {canCut && <span class="hint">Draw a line across the ring to cut the network.</span>}
    </div>
  );
}
