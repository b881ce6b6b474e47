import { expect } from 'chai';
import { spanOf } from '../../src/bytes/byte-reader.js';
import { TextParser } from '../../src/protocol/text/text-parser.js';
import { Random } from '../../tools/support/random.js';
import { Mutator } from '../support/mutator.js';
import { readCorpus } from './corpus.js';
import { Coverage } from './coverage.js';
import { Fuzzer } from './fuzzer.js';
import { runInThread } from './run.js';
import type { Target } from './target.js';
import { textStream } from './targets/text-stream.js';
import { TARGETS } from './targets.js';

/** Enough to see that a target runs; `npm run fuzz` looks further. */
const INPUTS = 300;

describe('a target of the fuzzer', () => {
  for (const target of TARGETS.values())
    it(`does what it promises with the corpus, and with inputs made of it: ${target.name}`, async () => {
      const corpus = [...target.seeds, ...(await readCorpus(target.name))];
      const mutator = new Mutator(new Random(1), target.words, target.maxBytes);
      const inputs = [...corpus, ...Array.from({ length: INPUTS }, () => mutator.next(corpus))];
      for (const input of inputs) {
        try {
          await target.run(input);
        } catch (error) {
          throw new Error(`input ${Buffer.from(input).toString('base64')}`, { cause: error });
        }
      }
    });
});

describe('the fuzzer', () => {
  let coverage: Coverage;

  before(() => {
    coverage = new Coverage();
  });

  after(() => coverage.close());

  /** A parser that fails at a command with a rare word in it. */
  const buggy: Target = {
    ...textStream,
    seeds: [Buffer.from('get k\r\n')],
    run(input) {
      const parser = new TextParser();
      parser.push(spanOf(Buffer.from(input)));
      for (let request = parser.next(); request !== undefined; request = parser.next())
        if (request.type === 'delete' && request.noreply) throw new Error('the bug');
    },
  };

  it('finds a bug, and tells the input', async () => {
    const random = new Random(1);
    const limits = { inputs: 3_000_000, timeMs: 60_000 };
    const fuzzer = new Fuzzer({ target: buggy, random, corpus: [], coverage });
    const { failure } = await fuzzer.run(limits);
    expect(failure?.error).to.be.an('error').with.property('message', 'the bug');
    expect(() => buggy.run(failure?.input ?? Buffer.alloc(0))).to.throw('the bug');
  }).timeout(70_000);

  it('keeps the inputs that ran something new, and no others', async () => {
    const { kept } = await new Fuzzer({
      target: textStream,
      random: new Random(1),
      coverage,
      corpus: Array.from({ length: 20 }, () => Buffer.from('get k\r\n')),
    }).run({ inputs: 1, timeMs: 0 });
    expect(kept.length).to.be.within(1, textStream.seeds.length + 2);
  });

  it('ends a thread whose input never returns, and tells the input', async () => {
    const worker = new URL('./fixtures/hung-worker.js', import.meta.url);
    const limits = { inputs: 1, timeMs: 1 };
    const part = { seed: 1, corpus: [], limits, isGuided: false };
    const { failure } = await runInThread(textStream, part, { worker, hungAfterMs: 100 });
    expect(failure?.reason).to.match(/did not return/);
    expect(Buffer.from(failure?.input ?? '').toString()).to.equal('loop');
  });
});
