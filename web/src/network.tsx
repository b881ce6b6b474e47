/** Faults between servers: groups that do not hear each other, and links that lose or delay. */

import { useState } from 'preact/hooks';
import type { Act } from './actions.ts';
import { heal, partition, setLink } from './api.ts';
import { Icon } from './icons.tsx';
import { faultLabel } from './links.tsx';
import type { LiveState } from './live.ts';

const GROUPS = ['A', 'B', 'C'] as const;
const NO_FAULT = { dropRate: 0, delayMs: [0, 0] } as const;

export function NetworkPanel({ state, act }: { readonly state: LiveState; readonly act: Act }) {
  const { frame } = state;
  const ids = (frame?.servers ?? []).map(({ id }) => id);
  const { groups, links } = frame?.faults ?? { groups: [], links: [] };
  const isWhole = groups.length === 0 && links.length === 0;
  return (
    <section class="panel network" aria-labelledby="network-title">
      <h2 id="network-title">
        Network
        <button type="button" class="heal" disabled={isWhole} onClick={() => act(heal)}>
          <Icon name="heal" /> Heal all
        </button>
      </h2>
      {isWhole ? (
        <p class="faint">Every message arrives at once.</p>
      ) : (
        <ul class="faults">
          {groups.length > 0 && (
            <li class="is-cut">
              <Icon name="cut" /> {groups.map((group) => group.join(' ')).join('  |  ')}
            </li>
          )}
          {links.map(({ from, to, dropRate, delayMs }) => (
            <li key={`${from}-${to}`}>
              <Icon name="link" /> {from} → {to}: {faultLabel(dropRate, delayMs)}
              <button
                type="button"
                class="quiet"
                aria-label={`Undo the fault from ${from} to ${to}`}
                onClick={() => act(() => setLink({ from, to, ...NO_FAULT }))}
              >
                <Icon name="close" />
              </button>
            </li>
          ))}
        </ul>
      )}
      {ids.length > 1 && <Presets ids={ids} leader={frame?.leader ?? null} act={act} />}
      {ids.length > 1 && (
        <div class="forms">
          <PartitionForm ids={ids} act={act} />
          <LinkForm ids={ids} act={act} />
        </div>
      )}
    </section>
  );
}

const SLOW = { dropRate: 0, delayMs: [40, 120] } as const;
const LOSSY = { dropRate: 0.25, delayMs: [0, 0] } as const;

/** What one wants to see first, each with one press. */
function Presets({
  ids,
  leader,
  act,
}: {
  readonly ids: readonly number[];
  readonly leader: number | null;
  readonly act: Act;
}) {
  const isolated = leader ?? 0;
  const half = Math.ceil(ids.length / 2);
  return (
    <div class="presets">
      <button
        type="button"
        disabled={leader === null}
        onClick={() => act(() => partition([[isolated], ids.filter((id) => id !== isolated)]))}
      >
        Isolate the leader
      </button>
      <button type="button" onClick={() => act(() => partition([ids.slice(0, half), ids.slice(half)]))}>
        Cut in two
      </button>
      <button type="button" onClick={() => act(() => disturbAll(ids, SLOW))}>
        Slow all links
      </button>
      <button type="button" onClick={() => act(() => disturbAll(ids, LOSSY))}>
        Lose a quarter
      </button>
    </div>
  );
}

async function disturbAll(ids: readonly number[], fault: typeof SLOW | typeof LOSSY): Promise<void> {
  for (const from of ids) {
    for (const to of ids) {
      if (from !== to) await setLink({ from, to, ...fault });
    }
  }
}

function PartitionForm({ ids, act }: { readonly ids: readonly number[]; readonly act: Act }) {
  const [groupOf, setGroupOf] = useState<Readonly<Record<number, number>>>({ [ids[0] ?? 0]: 1 });
  const groups = GROUPS.map((_, group) => ids.filter((id) => (groupOf[id] ?? 0) === group));
  const filled = groups.filter((group) => group.length > 0);
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        act(() => partition(filled));
      }}
    >
      <h3>Partition</h3>
      <div class="groups">
        {ids.map((id) => (
          <label key={id}>
            <span>{id}</span>
            <select
              aria-label={`Group of server ${id}`}
              value={groupOf[id] ?? 0}
              onChange={(event) => setGroupOf({ ...groupOf, [id]: Number(event.currentTarget.value) })}
            >
              {GROUPS.map((name, group) => (
                <option key={name} value={group}>
                  {name}
                </option>
              ))}
            </select>
          </label>
        ))}
      </div>
      <button type="submit" disabled={filled.length < 2}>
        <Icon name="cut" /> Cut
      </button>
    </form>
  );
}

function LinkForm({ ids, act }: { readonly ids: readonly number[]; readonly act: Act }) {
  const [chosenFrom, setFrom] = useState<number>();
  const [chosenTo, setTo] = useState<number>();
  // A server that was chosen may have been removed.
  const from = ids.find((id) => id === chosenFrom) ?? ids[0] ?? 0;
  const to = ids.find((id) => id === chosenTo) ?? ids.find((id) => id !== from) ?? from;
  const [lossPercent, setLossPercent] = useState(10);
  const [delayMs, setDelayMs] = useState(20);
  const [isBothWays, setBothWays] = useState(true);
  const disturb = async () => {
    const fault = { dropRate: lossPercent / 100, delayMs: [Math.floor(delayMs / 2), delayMs] } as const;
    await setLink({ from, to, ...fault });
    if (isBothWays) await setLink({ from: to, to: from, ...fault });
  };
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        act(disturb);
      }}
    >
      <h3>Link</h3>
      <div class="ends">
        <ServerSelect name="From server" ids={ids} value={from} onChange={setFrom} />
        <span aria-hidden="true">{isBothWays ? '↔' : '→'}</span>
        <ServerSelect name="To server" ids={ids} value={to} onChange={setTo} />
        <label class="check">
          <input
            type="checkbox"
            checked={isBothWays}
            onChange={(event) => setBothWays(event.currentTarget.checked)}
          />
          both ways
        </label>
      </div>
      <Slider name="Loss" unit="%" max={100} step={5} value={lossPercent} onChange={setLossPercent} />
      <Slider name="Delay" unit="ms" max={500} step={10} value={delayMs} onChange={setDelayMs} />
      <button type="submit" disabled={from === to}>
        <Icon name="link" /> Disturb
      </button>
    </form>
  );
}

function ServerSelect({
  name,
  ids,
  value,
  onChange,
}: {
  readonly name: string;
  readonly ids: readonly number[];
  readonly value: number;
  readonly onChange: (id: number) => void;
}) {
  return (
    <select aria-label={name} value={value} onChange={(event) => onChange(Number(event.currentTarget.value))}>
      {ids.map((id) => (
        <option key={id} value={id}>
          {id}
        </option>
      ))}
    </select>
  );
}

function Slider({
  name,
  unit,
  max,
  step,
  value,
  onChange,
}: {
  readonly name: string;
  readonly unit: string;
  readonly max: number;
  readonly step: number;
  readonly value: number;
  readonly onChange: (value: number) => void;
}) {
  return (
    <label class="slider">
      <span>{name}</span>
      <input
        type="range"
        min={0}
        max={max}
        step={step}
        value={value}
        onInput={(event) => onChange(Number(event.currentTarget.value))}
      />
      <output>
        {value} {unit}
      </output>
    </label>
  );
}
