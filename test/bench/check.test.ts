import { expect } from 'chai';
import { compare, isTooBad, measureInTurns, type Round, type Side } from '../../tools/bench/check/compare.js';
import { checkSummary, checkTable } from '../../tools/bench/check/report.js';
import { type Figures, ROWS, type Row } from '../../tools/bench/check/rows.js';
import { signedRankEstimate, valuesNeeded } from '../../tools/bench/check/signed-rank.js';
import { type VisitOptions, visit } from '../../tools/bench/check/visit.js';
import { Random } from '../../tools/support/random.js';
import { KEEPING_PROGRAM, SLOW_PROGRAM } from './fixtures/entries.js';

const SMALL: VisitOptions = { entry: KEEPING_PROGRAM, rows: ['set-1'], scale: 0.01, kills: 1 };
const NEVER = new AbortController().signal;

describe('The comparison of two commits', function () {
  this.timeout(60_000);

  it('measures every row of a run', async () => {
    const figures = await visit({ ...SMALL, rows: ROWS, scale: 0.001 }, NEVER);
    expect([...figures.keys()].sort()).to.deep.equal([...ROWS].sort());
    for (const [row, figure] of figures) expect(figure, row).to.be.greaterThan(0);
  });

  it('takes turns with who comes first', async () => {
    const order: Side[] = [];
    const measure = async (side: Side) => {
      order.push(side);
      return new Map();
    };
    await measureInTurns(
      3,
      measure,
      () => false,
      () => undefined,
    );
    expect(order.join(' ')).to.equal('before after after before before after');
  });

  it('begins no round when it is late', async () => {
    const rounds = await measureInTurns(
      5,
      async () => new Map(),
      (done) => done === 2,
      () => undefined,
    );
    expect(rounds).to.have.length(2);
  });

  it('tells that a program is slower than another', async () => {
    const entries: Readonly<Record<Side, string>> = { before: KEEPING_PROGRAM, after: SLOW_PROGRAM };
    const measure = (side: Side) => visit({ ...SMALL, entry: entries[side] }, NEVER);
    const rounds = await measureInTurns(
      6,
      measure,
      () => false,
      () => undefined,
    );
    const results = compare(rounds, SMALL.rows);
    expect(results[0], 'set-1').to.include({ row: 'set-1', verdict: 'worse' });
    expect(results.every(isTooBad)).to.equal(true);
    expect(checkSummary(results, rounds.length)).to.match(/^bench:check: 1 rows, 6 rounds, WORSE: set-1 -\d/);
  });

  it('ends the program when it is interrupted', async () => {
    const over = new AbortController();
    const measured = visit({ ...SMALL, entry: SLOW_PROGRAM, scale: 1 }, over.signal);
    over.abort(new Error('enough'));
    const error: unknown = await measured.catch((reason: unknown) => reason);
    expect(error).to.have.property('message', 'enough');
  });

  describe('of figures with noise', () => {
    it('finds nothing where there is no difference', () => {
      const results = compare(noisyRounds(12, ROWS, 1), ROWS);
      expect(results.map(({ verdict }) => verdict)).to.deep.equal(ROWS.map(() => 'none'));
      expect(checkSummary(results, 12)).to.equal(
        'bench:check: 10 rows, 12 rounds, nothing worse by more than 5 %',
      );
    });

    it('finds a tenth less of throughput, and says between which bounds', () => {
      const [result] = compare(noisyRounds(12, ['get-1'], 0.9), ['get-1']);
      expect(result).to.include({ verdict: 'worse' });
      expect(result?.from).to.be.within(-0.15, -0.1);
      expect(result?.to).to.be.within(-0.1, -0.05);
      expect(result !== undefined && isTooBad(result)).to.equal(true);
    });

    it('takes more of what should be little for worse, and less for better', () => {
      expect(compare(noisyRounds(12, ['failover'], 1.2), ['failover'])[0]?.verdict).to.equal('worse');
      expect(compare(noisyRounds(12, ['failover'], 0.8), ['failover'])[0]?.verdict).to.equal('better');
    });

    it('tolerates what is worse by no more than 5 %', () => {
      const results = compare(noisyRounds(40, ['ready'], 1.04), ['ready']);
      expect(results[0]?.verdict).to.equal('worse');
      expect(results.some(isTooBad)).to.equal(false);
    });

    it('is not led astray by a round in which the machine was busy', () => {
      const rounds = noisyRounds(12, ['set-16'], 1);
      const hurt = rounds.map((round, place) =>
        place === 3 ? { ...round, after: figuresOf('set-16', 1) } : round,
      );
      expect(compare(hurt, ['set-16'])[0]?.verdict).to.equal('none');
    });

    it('is shown as a table', () => {
      const lines = checkTable(compare(noisyRounds(12, ['set-1', 'ready'], 0.5), ['set-1', 'ready'])).split(
        '\n',
      );
      expect(lines).to.have.length(4);
      expect(lines[2]).to.match(/^sets of 64 B, depth 1 +requests\/s +\d+.* -\d\d\.\d %.*worse$/);
      expect(lines[3]).to.match(/^from start to ready +ms .*better$/);
    });
  });
});

describe('Wilcoxon’s signed rank test', () => {
  it('has the interval that R tells: wilcox.test(x, conf.int = TRUE, conf.level = 0.95)', () => {
    // Its exact distribution: of ten values, a sum of ranks of at most 8 has a probability of 0.0244.
    const values = [1.83, 0.5, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.3, -0.21];
    const averages = values
      .flatMap((value, place) => values.slice(place).map((other) => (value + other) / 2))
      .sort((a, b) => a - b);
    const { middle, from, to } = signedRankEstimate(values, 0.05);
    expect([from, to]).to.deep.equal([averages[8], averages[46]]);
    expect(middle).to.equal(averages[27]);
  });

  it('needs six values for an interval of 95 %, whose bounds are the extremes then', () => {
    expect(valuesNeeded(0.05)).to.equal(6);
    expect(signedRankEstimate([3, 1, 2, 6, 5, 4], 0.05)).to.deep.equal({ middle: 3.5, from: 1, to: 6 });
    expect(() => signedRankEstimate([1, 2, 3, 4, 5], 0.05)).to.throw(RangeError);
  });

  it('misses the true middle about as seldom as it says', () => {
    const random = new Random(1);
    let missed = 0;
    for (let run = 0; run < 1_000; run += 1) {
      const { from, to } = signedRankEstimate(
        Array.from({ length: 8 }, () => noise(random)),
        0.05,
      );
      if (from > 0 || to < 0) missed += 1;
    }
    expect(missed).to.be.within(20, 55);
  });
});

/** Rounds of two sides whose figures differ by a factor, and by noise of some 3 %. */
function noisyRounds(count: number, rows: readonly Row[], factor: number): Round[] {
  const random = new Random(7);
  const figures = (middle: number): Figures =>
    new Map(rows.map((row) => [row, middle * Math.exp(0.03 * noise(random))]));
  return Array.from({ length: count }, () => ({ before: figures(1_000), after: figures(1_000 * factor) }));
}

function figuresOf(row: Row, figure: number): Figures {
  return new Map([[row, figure]]);
}

/** About a normal distribution: the sum of several uniform numbers. */
function noise(random: Random): number {
  return Array.from({ length: 12 }, random.next).reduce((sum, value) => sum + value, -6);
}
