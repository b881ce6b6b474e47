/** Where things are on the stage, in its own units. */

export interface Point {
  readonly x: number;
  readonly y: number;
}

export const STAGE_WIDTH = 640;
/** The two directions of a link run side by side. */
const LANE_OFFSET = 7;

interface RingSize {
  readonly stageHeight: number;
  readonly nodeRadius: number;
  readonly radiusX: number;
  readonly radiusY: number;
}

const FEW: RingSize = { stageHeight: 470, nodeRadius: 47, radiusX: 207, radiusY: 170 };
const THREE: RingSize = { ...FEW, radiusX: 220, radiusY: 180 };
/** More than five servers. */
const MANY: RingSize = { stageHeight: 560, nodeRadius: 42, radiusX: 240, radiusY: 212 };
/** The middle of three servers, one above and two below, is below the middle of the stage. */
const LOWER_FOR_THREE = 44;

/** Where the servers stand: on a ring in the order of their ids, the first at the top. */
export class Ring {
  readonly ids: readonly number[];
  readonly #size: RingSize;

  constructor(ids: readonly number[]) {
    this.ids = [...ids].sort((a, b) => a - b);
    this.#size = this.isCrowded ? MANY : ids.length === 3 ? THREE : FEW;
  }

  get isCrowded(): boolean {
    return this.size > 5;
  }

  get stageHeight(): number {
    return this.#size.stageHeight;
  }

  get nodeRadius(): number {
    return this.#size.nodeRadius;
  }

  get size(): number {
    return this.ids.length;
  }

  has(id: number): boolean {
    return this.ids.includes(id);
  }

  /** A server's place. Two stand side by side, one in the middle. */
  place(id: number): Point {
    const { stageHeight, radiusX, radiusY } = this.#size;
    const x = STAGE_WIDTH / 2;
    const y = stageHeight / 2 + (this.size === 3 ? LOWER_FOR_THREE : 0);
    if (this.size === 1) return { x, y };
    const start = this.size === 2 ? Math.PI : -Math.PI / 2;
    const angle = start + (2 * Math.PI * this.ids.indexOf(id)) / this.size;
    return { x: x + Math.cos(angle) * radiusX, y: y + Math.sin(angle) * radiusY };
  }

  /** The lane of messages from one server to another, between the rims of both. */
  lane(from: number, to: number): readonly [Point, Point] {
    const a = this.place(from);
    const b = this.place(to);
    const length = Math.hypot(b.x - a.x, b.y - a.y) || 1;
    const along = { x: (b.x - a.x) / length, y: (b.y - a.y) / length };
    const rim = this.nodeRadius + 9;
    const side = { x: -along.y * LANE_OFFSET, y: along.x * LANE_OFFSET };
    return [
      { x: a.x + along.x * rim + side.x, y: a.y + along.y * rim + side.y },
      { x: b.x - along.x * rim + side.x, y: b.y - along.y * rim + side.y },
    ];
  }

  /** The servers on either side of a line, or nothing when all are on one. */
  split([a, b]: readonly [Point, Point]): readonly [number[], number[]] | undefined {
    const left: number[] = [];
    const right: number[] = [];
    for (const id of this.ids) {
      const { x, y } = this.place(id);
      const isLeft = (b.x - a.x) * (y - a.y) - (b.y - a.y) * (x - a.x) < 0;
      (isLeft ? left : right).push(id);
    }
    return left.length === 0 || right.length === 0 ? undefined : [left, right];
  }
}

export function between([a, b]: readonly [Point, Point], progress: number): Point {
  return { x: a.x + (b.x - a.x) * progress, y: a.y + (b.y - a.y) * progress };
}
